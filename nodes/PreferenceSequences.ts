/**
 * preference-sequences: preference pairs as tokens (nodes/pairs/EncodePairs.ts), with the reference policy's log-prob of each
 * response,
 *
 *     log pi_ref(y | x) = sum_t log pi_ref(y_t | x, y_<t)        over response tokens, end-of-sequence included, in nats
 *
 * computed once, before any training, as TRL's precompute_ref_log_probs does. `reference` is the policy that training starts
 * from, where nothing else is meant.
 *
 * @errors NotOnePolicy, PolicyRequestError, SessionError, CheckpointError
 */
import { chunksOf, zip, zipWith } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { PreferencePairs, PreferenceSequences as Sequences } from "gemflow/artifacts"
import { cotSuffix } from "./config/CotSuffix.ts"
import { devicesOf, samplingDevices } from "./config/Devices.ts"
import { maxLength } from "./config/MaxLength.ts"
import { withoutAdapter } from "./config/WithoutAdapter.ts"
import { encodePairs } from "./pairs/EncodePairs.ts"
import { openReference, PolicyInput } from "./policy/OpenInput.ts"
import { sum } from "./statistics/Moments.ts"

export const PreferenceSequences = Node.make("preference-sequences", {
  doc: "Encodes preference pairs and scores both responses of each with the reference policy.",
  module: import.meta.url,
  config: Schema.Struct({
    max_length: maxLength,
    cot_suffix: cotSuffix,
    without_adapter: withoutAdapter,
    devices: samplingDevices
  }),
  inputs: {
    reference: PolicyInput,
    pairs: TableType.pick(PreferencePairs, "pair_id", "prompt_id", "prompt", "chosen", "rejected")
  },
  output: Sequences,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  map: { over: "pairs", by: "prompt_id", groups: 256 },
  run: Effect.fn("PreferenceSequences.run")(function*({ config, inputs, progress, shared }) {
    const { policy } = yield* shared("reference", openReference(inputs.reference, config))
    const pairs = inputs.pairs.rows()
    const encoded = yield* encodePairs(policy, pairs, config)
    const scores = yield* policy.score({
      sequences: encoded.flatMap(({ chosen, prompt, rejected }) => [
        { prompt, response: chosen },
        { prompt, response: rejected }
      ]),
      onProgress: (done, total) => progress({ done, total, unit: "responses" })
    })
    const logProbs = chunksOf(scores.map(({ logProbs }) => sum(logProbs)), 2)
    return zipWith(zip(pairs, encoded), logProbs, ([{ pair_id, prompt_id }, pair], [chosen, rejected]) => ({
      pair_id,
      prompt_id,
      prompt_tokens: pair.prompt,
      chosen_tokens: pair.chosen,
      rejected_tokens: pair.rejected,
      chosen_reference_log_prob: chosen,
      rejected_reference_log_prob: rejected ?? Number.NaN,
      truncated: pair.truncated
    }))
  })
})
