/**
 * reference-log-probs: what the reference policy thinks of each token of sampled responses, log pi_ref(y_t | x, y_<t), for the
 * penalty of ppo on leaving it. The prompt is `prompt_tokens`, as the policy read it when it sampled.
 *
 * @errors NotOnePolicy, PolicyRequestError, SessionError, CheckpointError
 */
import { zipWith } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Candidates, ReferenceLogProbs as LogProbs } from "gemflow/artifacts"
import { devicesOf, samplingDevices } from "./config/Devices.ts"
import { withoutAdapter } from "./config/WithoutAdapter.ts"
import { openReference, PolicyInput } from "./policy/OpenInput.ts"

export const ReferenceLogProbs = Node.make("reference-log-probs", {
  doc: "Scores each token of sampled responses with the reference policy.",
  module: import.meta.url,
  config: Schema.Struct({ without_adapter: withoutAdapter, devices: samplingDevices }),
  inputs: {
    reference: PolicyInput,
    candidates: TableType.pick(Candidates, "candidate_id", "prompt_id", "prompt_tokens", "tokens")
  },
  output: LogProbs,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  map: { over: "candidates", by: "prompt_id", groups: 64 },
  run: Effect.fn("ReferenceLogProbs.run")(function*({ config, inputs, progress, shared }) {
    const { policy } = yield* shared("reference", openReference(inputs.reference, config))
    const rows = inputs.candidates.rows()
    const scores = yield* policy.score({
      sequences: rows.map(({ prompt_tokens, tokens }) => ({ prompt: prompt_tokens, response: tokens })),
      onProgress: (done, total) => progress({ done, total, unit: "responses" })
    })
    return zipWith(rows, scores, ({ candidate_id, prompt_id }, { logProbs }) => ({
      candidate_id,
      prompt_id,
      reference_log_prob: logProbs
    }))
  })
})
