/**
 * sample: k chain-of-thought candidates per distinct prompt, drawn from the policy (GEM, arXiv 2511.13007, reflective
 * inference engine).
 *
 * A token is drawn from softmax(z / temperature), cut to the `top_k` likeliest tokens and to those that reach `top_p`
 * together. What is recorded of it, log pi and the entropy H_t, is of the policy itself: softmax(z), temperature 1, nothing
 * cut. The noise is keyed by seed, prompt and candidate, so that a candidate is the same whatever else is sampled.
 * `prompt_tokens` holds the prompt as the policy read it, with `cot_suffix`, so that update trains on the same.
 *
 * @errors NoRoomForPrompt, NotInGenerationConfig, PolicyRequestError, SessionError, CheckpointError
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Candidates, PreferencePairs } from "gemflow/artifacts"
import { cotSuffix } from "./config/CotSuffix.ts"
import { devicesOf, samplingDevices } from "./config/Devices.ts"
import { optional, Seed } from "./config/Field.ts"
import { samplingFields } from "./config/Sampling.ts"
import { generatePrompts } from "./policy/GeneratePrompts.ts"
import { openInput, PolicyInput } from "./policy/OpenInput.ts"
import { distinctPrompts } from "./prompt/DistinctPrompts.ts"

const SeveralCandidates = Schema.Int.check(
  Schema.isGreaterThanOrEqualTo(2, { expected: "an integer of at least 2, because candidates are compared" })
)

export const Sample = Node.make("sample", {
  doc: "Samples candidates for each distinct prompt.",
  module: import.meta.url,
  config: Schema.Struct({
    candidates: optional(SeveralCandidates, 5, "k: candidates per prompt. 5 in the paper, 4 in the released code."),
    ...samplingFields({
      temperature: 0.9,
      notes: {
        temperature: "; 0.9 to 1.0 in the sources",
        topP: "; the sources use 0.95 or none",
        maxNewTokens: "; 128 to 256 in the sources"
      }
    }),
    seed: optional(Seed, 0, "Another seed draws other candidates."),
    cot_suffix: cotSuffix,
    devices: samplingDevices
  }),
  inputs: { policy: PolicyInput, pairs: TableType.pick(PreferencePairs, "prompt_id", "prompt") },
  output: Candidates,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  map: { over: "pairs", by: "prompt_id", groups: 64 },
  run: Effect.fn("Sample.run")(function*({ config, inputs, progress, shared }) {
    const { policy } = yield* shared("policy", openInput(inputs.policy))
    const questions = distinctPrompts(inputs.pairs.rows())
    const responses = yield* generatePrompts(
      policy,
      questions,
      config,
      (done, total) => progress({ done, total, unit: "candidates" })
    )
    return responses.map((
      { candidate, entropies, finished, logProbs, promptTokens, promptTruncated, question, tokens }
    ) => ({
      candidate_id: `${question.prompt_id}:${candidate}`,
      prompt_id: question.prompt_id,
      candidate,
      prompt: question.prompt,
      prompt_tokens: promptTokens,
      prompt_truncated: promptTruncated,
      tokens,
      token_text: policy.tokenizer.pieces(tokens),
      text: policy.tokenizer.decode(tokens),
      token_log_prob: logProbs,
      token_entropy: entropies,
      finished
    }))
  })
})
