/**
 * reward-score: what a reward model gives each sampled response, read at its last token, as TRL's PPOTrainer reads it. Its
 * columns are those that rank reads, so that a reward model may stand where entropy-score does.
 *
 * @errors NotOnePolicy, PolicyRequestError for a policy that is no reward model, SessionError, CheckpointError
 */
import { zipWith } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Candidates, RewardScores } from "gemflow/artifacts"
import { devicesOf, samplingDevices } from "./config/Devices.ts"
import { NonNegative, optional } from "./config/Field.ts"
import { openInput, PolicyInput } from "./policy/OpenInput.ts"

export const RewardScore = Node.make("reward-score", {
  doc: "Scores sampled responses with a reward model.",
  module: import.meta.url,
  config: Schema.Struct({
    missing_eos_penalty: optional(
      NonNegative,
      0,
      "Taken from the score of a response that the length limit ended; off in TRL by default, 1 in its example."
    ),
    devices: samplingDevices
  }),
  inputs: {
    reward_model: PolicyInput,
    candidates: TableType.pick(
      Candidates,
      "candidate_id",
      "prompt_id",
      "candidate",
      "prompt_tokens",
      "tokens",
      "finished"
    )
  },
  output: RewardScores,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  map: { over: "candidates", by: "prompt_id", groups: 64 },
  run: Effect.fn("RewardScore.run")(function*({ config, inputs, progress, shared }) {
    const { policy } = yield* shared("reward model", openInput(inputs.reward_model))
    const rows = inputs.candidates.rows()
    const rewards = yield* policy.rewards({
      sequences: rows.map(({ prompt_tokens, tokens }) => ({ prompt: prompt_tokens, response: tokens })),
      onProgress: (done, total) => progress({ done, total, unit: "responses" })
    })
    return zipWith(rows, [...rewards], ({ candidate, candidate_id, finished, prompt_id }, reward) => ({
      candidate_id,
      prompt_id,
      candidate,
      score: reward - (finished ? 0 : config.missing_eos_penalty),
      score_sd: 0
    }))
  })
})
