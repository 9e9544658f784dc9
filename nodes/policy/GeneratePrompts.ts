/** Puts prompts to a policy: encodes them with its chat template, cuts them to the context and samples responses. */
import * as Effect from "effect/Effect"
import type { Generation, OnProgress, Policy } from "../../runtime/policy/Policy.ts"
import { fitPrompt } from "../../runtime/policy/tokenizer/FitPrompt.ts"
import type { SamplingConfig } from "../config/Sampling.ts"
import { instructed } from "../prompt/Instructed.ts"
import { NoRoomForPrompt } from "./PolicyInputError.ts"
import { samplingOf } from "./SamplingOf.ts"

export interface Question {
  readonly prompt_id: string
  readonly prompt: ReadonlyArray<{ readonly role: string; readonly content: string }>
}

export interface GenerateOptions extends SamplingConfig {
  /** Responses per prompt. */
  readonly candidates: number
  readonly seed: number
  readonly cot_suffix: string
}

/** A response, with the prompt as the policy read it. */
export interface Response<Q> extends Generation {
  readonly question: Q
  readonly promptTokens: Int32Array
  readonly promptTruncated: boolean
}

/**
 * The responses to each question, question by question. A prompt too long for the context less `max_new_tokens` is cut from
 * the left.
 *
 * @errors NoRoomForPrompt when max_new_tokens alone fills the context, NotInGenerationConfig (SamplingOf.ts).
 */
export const generatePrompts = Effect.fn("generatePrompts")(function*<Q extends Question>(
  policy: Policy,
  questions: ReadonlyArray<Q>,
  options: GenerateOptions,
  onProgress: OnProgress
) {
  const sampling = yield* samplingOf(policy, options)
  const { maxNewTokens } = sampling
  const room = policy.contextLength - maxNewTokens
  if (room < 1) return yield* new NoRoomForPrompt({ contextLength: policy.contextLength, maxNewTokens })
  const { bosId, encodeChat } = policy.tokenizer
  const asked = new Map<string, Omit<Response<Q>, keyof Generation>>()
  for (const question of questions) {
    const encoded = yield* encodeChat(instructed(question.prompt, options.cot_suffix))
    const { tokens, truncated } = fitPrompt(encoded, room, bosId)
    asked.set(question.prompt_id, { question, promptTokens: tokens, promptTruncated: truncated })
  }
  const generations = yield* policy.generate({
    prompts: [...asked].map(([id, { promptTokens }]) => ({ id, tokens: promptTokens })),
    ...sampling,
    candidates: options.candidates,
    seed: options.seed,
    onProgress
  })
  return generations.flatMap((generation): ReadonlyArray<Response<Q>> => {
    const prompt = asked.get(generation.promptId)
    return prompt === undefined ? [] : [{ ...generation, ...prompt }]
  })
})
