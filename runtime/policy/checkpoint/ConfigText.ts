/** Changes single fields of a config.json and leaves every other byte of it as it is. */

/** The text saying that the weights are stored as `dtype`, where it says anything of their type. */
export const withDtype = (text: string, dtype: string): string =>
  // `torch_dtype` of transformers 4, `dtype` of transformers 5.
  ["torch_dtype", "dtype"].reduce(
    (changed, name) => fieldsOf(changed).has(name) ? withField(changed, name, dtype) : changed,
    text
  )

/** The text with this value for a field of the outermost object, which is put first where there is none yet. */
export const withField = (text: string, name: string, value: unknown): string => {
  const json = JSON.stringify(value)
  const place = fieldsOf(text).get(name)
  if (place !== undefined) return text.slice(0, place.start) + json + text.slice(place.end)
  const inside = text.indexOf("{") + 1
  const separator = fieldsOf(text).size === 0 ? "" : ","
  return `${text.slice(0, inside)}\n  ${JSON.stringify(name)}: ${json}${separator}${text.slice(inside)}`
}

interface Place {
  readonly start: number
  readonly end: number
}

/** Where the values of the outermost object's fields stand. */
const fieldsOf = (text: string): ReadonlyMap<string, Place> => {
  const places = new Map<string, Place>()
  let depth = 0
  let key = ""
  let start: number | undefined
  for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g)) {
    const [found] = match
    if (depth === 1 && start === undefined && found.startsWith("\"")) key = found
    if (depth === 1 && found === ":") start = match.index + 1
    if (depth === 1 && (found === "," || found === "}")) {
      const value = text.slice(start, match.index)
      const from = (start ?? match.index) + value.length - value.trimStart().length
      if (start !== undefined) places.set(JSON.parse(key), { start: from, end: from + value.trim().length })
      start = undefined
    }
    if (found === "{" || found === "[") depth++
    if (found === "}" || found === "]") depth--
  }
  return places
}
