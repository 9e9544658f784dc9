/**
 * The final-answer marker: a regular expression that finds where a response starts to state its answer. entropy-score and
 * evaluate-answers share it, so that the span scored is the span judged.
 */
import * as Schema from "effect/Schema"

/** Finds `#### 18`, `A: 18`, `Answer: 18`, `the answer is 18`, `\boxed{18}`. */
export const defaultMarker = String.raw`####|\bA:|\b[Aa]nswer(?::| is\b:?)|\\boxed\b`

const isPattern = (source: string): boolean => {
  try {
    return !new RegExp(source, "u").test("")
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** The source of a marker: a regular expression (with the `u` flag) that does not match the empty string. */
export const Marker = Schema.String.check(
  Schema.makeFilter(isPattern, { expected: "a JavaScript regular expression that does not match the empty string" })
)

/** Where a marker stands in a text, as offsets of UTF-16 code units. */
export interface MarkerMatch {
  readonly start: number
  readonly end: number
}

/** The last occurrence of the marker in the text: a chain may name the answer on the way and correct itself. */
export const lastMarker = (text: string, marker: string): MarkerMatch | undefined => {
  let last: MarkerMatch | undefined
  for (const match of text.matchAll(new RegExp(marker, "gu"))) {
    if (match[0] !== "") last = { start: match.index, end: match.index + match[0].length }
  }
  return last
}
