/** Changes one field of a config.json and leaves every other byte of it as it is. */

/** The text saying that the weights are stored as `dtype`, where it says anything of their type. */
export const withDtype = (text: string, dtype: string): string => {
  let depth = 0
  let rest = 0
  let changed = ""
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:\s*)?|[{}[\]]/g
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found, colon] = match
    if (found === "{" || found === "[") depth++
    else if (found === "}" || found === "]") depth--
    else if (colon !== undefined && depth === 1 && isDtype(found.slice(0, found.length - colon.length))) {
      const value = /^(?:"[^"]*"|null)/.exec(text.slice(token.lastIndex))?.[0]
      if (value === undefined) continue
      changed += text.slice(rest, token.lastIndex) + JSON.stringify(dtype)
      rest = token.lastIndex + value.length
      token.lastIndex = rest
    }
  }
  return changed + text.slice(rest)
}

/** `torch_dtype` of transformers 4, `dtype` of transformers 5. */
const isDtype = (key: string): boolean => key === "\"torch_dtype\"" || key === "\"dtype\""
