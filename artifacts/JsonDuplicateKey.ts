/**
 * The first key that an object of a JSON text holds twice, if any. `JSON.parse` keeps the last of them silently, another
 * reader the first: a file from outside could be two files.
 *
 * @param text what `JSON.parse` has accepted
 */
export const jsonDuplicateKey = (text: string): string | undefined => {
  // A set of keys per open object; undefined per open array.
  const open: Array<Set<string> | undefined> = []
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]/g
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found, colon] = match
    if (found === "{") open.push(new Set())
    else if (found === "[") open.push(undefined)
    else if (found === "}" || found === "]") open.pop()
    else if (colon !== undefined) {
      const key: unknown = JSON.parse(found.slice(0, found.length - colon.length))
      const keys = open.at(-1)
      if (typeof key !== "string" || keys === undefined) continue
      if (keys.has(key)) return key
      keys.add(key)
    }
  }
  return undefined
}
