/** The answers that held-out prompts should get: those of their chosen responses. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { extractAnswer } from "../answer/Answer.ts"
import { distinctPrompts } from "../prompt/DistinctPrompts.ts"

/** A chosen response in which the marker finds no answer. */
export class NoExpectedAnswer extends Schema.TaggedError<NoExpectedAnswer>()("NoExpectedAnswer", {
  pair_id: Schema.String,
  line: Schema.Int,
  marker: Schema.String,
  /** Whether every prompt lacks an answer. */
  none: Schema.Boolean
}) {
  override get message() {
    const remedy = this.none
      ? "No prompt has one: set marker to a regular expression that stands before the answer in your data."
      : "Set marker to a regular expression that stands before the answer in your data, or without_answer to skip to "
        + "leave such prompts out."
    return `Pair ${this.pair_id} (line ${this.line} of the data): the chosen response has no answer after the marker `
      + `/${this.marker}/. ${remedy}`
  }
}

interface AnsweredPair {
  readonly pair_id: string
  readonly prompt_id: string
  readonly line: number
  readonly chosen: string
}

/**
 * The first pair of each prompt, with the answer of its chosen response.
 *
 * @errors NoExpectedAnswer when a prompt has none and `without_answer` is "error", or when all have none.
 */
export const expectedAnswers = Effect.fnUntraced(function*<A extends AnsweredPair>(
  pairs: ReadonlyArray<A>,
  options: { readonly marker: string; readonly without_answer: "error" | "skip" }
) {
  const prompts = distinctPrompts(pairs)
  const answered = prompts.flatMap((pair) => {
    const expected = extractAnswer(pair.chosen, options.marker)
    return expected === undefined ? [] : [{ ...pair, expected }]
  })
  const lacking = prompts.find(({ chosen }) => extractAnswer(chosen, options.marker) === undefined)
  if (lacking !== undefined && (options.without_answer === "error" || answered.length === 0)) {
    const { line, pair_id } = lacking
    return yield* new NoExpectedAnswer({ pair_id, line, marker: options.marker, none: answered.length === 0 })
  }
  return answered
})
