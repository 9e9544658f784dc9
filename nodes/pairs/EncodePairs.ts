/**
 * Preference pairs as token ids, as TRL's DPOTrainer and RewardTrainer encode them: the prompt in the chat template with its
 * generation prompt, each response as the assistant's turn with its end-of-sequence token. A loss reads response tokens
 * alone. Two differences: what a template writes behind the end-of-sequence token (Qwen's newline) is no part of a response,
 * since a policy that has ended emits no more; and where a pair is too long, the prompt is cut from the left before a
 * response is from its end (TRL cuts at the end only, which may leave nothing of a response).
 */
import * as Effect from "effect/Effect"
import type { Policy } from "../../runtime/policy/Policy.ts"
import { fitAfter } from "../policy/FitSequence.ts"
import { instructed } from "../prompt/Instructed.ts"

export interface TextPair {
  readonly prompt: ReadonlyArray<{ readonly role: string; readonly content: string }>
  readonly chosen: string
  readonly rejected: string
}

export interface EncodedPair {
  readonly prompt: Int32Array
  readonly chosen: Int32Array
  readonly rejected: Int32Array
  readonly truncated: boolean
}

export interface EncodeOptions {
  /** Appended to the prompt's last user message. */
  readonly cot_suffix: string
  /** Longest prompt and response together; the policy's context where it is left out. */
  readonly max_length?: number | undefined
}

type Reader = Pick<Policy, "tokenizer" | "contextLength">

/** Both responses of a pair follow the same prompt. */
export const encodePairs = (policy: Reader, pairs: ReadonlyArray<TextPair>, options: EncodeOptions) =>
  Effect.forEach(pairs, ({ chosen, prompt, rejected }) =>
    Effect.map(
      encodeResponses(policy, prompt, { texts: [chosen, rejected], others: [] }, options),
      ({ prompt, responses: [first, second] }): EncodedPair => ({
        prompt,
        chosen: first?.tokens ?? new Int32Array(0),
        rejected: second?.tokens ?? new Int32Array(0),
        truncated: first?.truncated === true || second?.truncated === true
      })
    ))

/** Responses to one prompt, texts first and then those that are tokens already, all of them after the same tokens. */
export const encodeResponses = Effect.fnUntraced(function*(
  { contextLength, tokenizer: { bosId, encodeChat, encodeResponse } }: Reader,
  prompt: TextPair["prompt"],
  given: { readonly texts: ReadonlyArray<string>; readonly others: ReadonlyArray<Int32Array> },
  { cot_suffix, max_length = contextLength }: EncodeOptions
) {
  const encoded = yield* encodeChat(instructed(prompt, cot_suffix))
  const responses = [...(yield* Effect.forEach(given.texts, encodeResponse)), ...given.others]
  const longest = responses.reduce((most, { length }) => Math.max(most, length), 0)
  const fit = fitAfter(encoded, longest, { contextLength: Math.min(max_length, contextLength), bosId })
  const fitted = responses.map(fit)
  return {
    prompt: fitted[0]?.prompt ?? encoded,
    responses: fitted.map(({ response, truncated }) => ({ tokens: response, truncated }))
  }
})
