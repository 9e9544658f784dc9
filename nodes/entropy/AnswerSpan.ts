/**
 * Where the final answer starts in a response. The span is [start, number of tokens): the tokens from the final-answer
 * marker on, or the last part of the response.
 */
import { lastMarker } from "../answer/Marker.ts"
import { amountOf } from "./AmountOf.ts"

export interface AnswerSpanOptions {
  /** Regular expression of the marker; its last occurrence counts. */
  readonly marker: string
  /**
   * `marker`: from the token that holds the marker's first character. `tail`: the last `tail` tokens when a marker occurs
   * anywhere, as the released code splits, whatever the marker's position.
   */
  readonly span: "marker" | "tail"
  /** With `span: "tail"`: below 1 a share of the response, from 1 on a count of tokens. */
  readonly tail: number
  /** Without a marker: the last part of the response, below 1 a share of it, from 1 on a count of tokens. */
  readonly fallback_tail: number
}

export interface AnswerSpan {
  /** Index of the span's first token. */
  readonly start: number
  readonly hasMarker: boolean
}

/**
 * Finds the span in the decoded pieces of the response's tokens, at least one. A marker may start inside a token or reach
 * over several: the pieces are joined, and offsets in the joined text are mapped back to tokens.
 */
export const answerSpan = (pieces: ReadonlyArray<string>, options: AnswerSpanOptions): AnswerSpan => {
  const match = lastMarker(pieces.join(""), options.marker)
  if (match === undefined) {
    return { start: pieces.length - amountOf(options.fallback_tail, pieces.length), hasMarker: false }
  }
  return options.span === "marker"
    ? { start: tokenAt(pieces, match.start), hasMarker: true }
    : { start: pieces.length - amountOf(options.tail, pieces.length), hasMarker: true }
}

/** The index of the token that holds the character at `offset` of the joined pieces. */
const tokenAt = (pieces: ReadonlyArray<string>, offset: number): number => {
  let end = 0
  return pieces.findIndex((piece) => {
    end += piece.length
    return offset < end
  })
}
