/** The final answer of a response: what follows the marker, brought to a form in which equal answers are equal. */
import { lastMarker } from "./Marker.ts"

/**
 * The answer after the last marker: the rest of its line, or the next line with text when nothing follows on the same
 * line. Undefined when the text has no marker, or nothing after it.
 */
export const extractAnswer = (text: string, marker: string): string | undefined => {
  const match = lastMarker(text, marker)
  if (match === undefined) return undefined
  const line = text.slice(match.end).split(/\r\n|\n|\r/u).find((rest) => rest.trim() !== "")
  const answer = line === undefined ? "" : normaliseAnswer(line)
  return answer === "" ? undefined : answer
}

/**
 * White space collapsed; the punctuation around an answer (`: 18.`, `{18}`, `**18**`), a currency sign and the thousands
 * separators of a number removed; a number written in its shortest form (`18.00` is `18`).
 */
export const normaliseAnswer = (answer: string): string => {
  const bare = answer
    .replaceAll(/\s+/gu, " ")
    .replace(/^[\s:=*{($€£¥]+/u, "")
    .replace(/[\s.,;:!?*})]+$/u, "")
    .replace(/^(-?)[$€£¥]/u, "$1")
    .trim()
  const digits = bare.replaceAll(/(?<=\d),(?=\d{3}(?!\d))/gu, "")
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)$/u.test(digits)) return bare
  // Numbers beyond double precision are compared as written.
  const value = Number(digits)
  return Number.isSafeInteger(Math.trunc(value)) ? String(value) : digits
}

/** Whether two normalised answers are the same, whatever their letter case. */
export const sameAnswer = (answer: string, expected: string): boolean => answer.toLowerCase() === expected.toLowerCase()
