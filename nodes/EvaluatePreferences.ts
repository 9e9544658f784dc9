/**
 * evaluate-preferences: whether a policy prefers the chosen response of each pair (GEM, arXiv 2511.13007, preference
 * prediction).
 *
 *     r(q, a) = beta * log pi(a | q)          log pi the sum over response tokens, end-of-sequence included, in nats
 *     margin  = r(q, a+) - r(q, a-)           chosen is predicted when margin > 0
 *
 * A sum of log-probs favours short responses, so `margin_per_token` compares means over tokens as well. beta scales the
 * margins and changes no prediction. Pairs too long for the context are cut, both responses after the same prompt, and
 * say so in `truncated`.
 *
 * @errors PolicyRequestError, SessionError, CheckpointError
 */
import { chunksOf, zip, zipWith } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { PreferenceEvaluation, PreferencePairs } from "gemflow/artifacts"
import { cotSuffix } from "./config/CotSuffix.ts"
import { devicesOf, samplingDevices } from "./config/Devices.ts"
import { documented, optional, Positive } from "./config/Field.ts"
import { preferenceMargin } from "./evaluation/PreferenceMargin.ts"
import { encodePairs } from "./pairs/EncodePairs.ts"
import { openInput, PolicyInput } from "./policy/OpenInput.ts"

export const EvaluatePreferences = Node.make("evaluate-preferences", {
  doc: "Scores the chosen and the rejected response of each pair.",
  module: import.meta.url,
  config: Schema.Struct({
    label: documented(Schema.NonEmptyString, "What the report calls this policy: base, sft, gem ..."),
    beta: optional(Positive, 0.1, "Scale of the reward beta * log pi, as in DPO; it changes no prediction."),
    cot_suffix: cotSuffix,
    devices: samplingDevices
  }),
  inputs: {
    policy: PolicyInput,
    pairs: TableType.pick(PreferencePairs, "pair_id", "prompt_id", "prompt", "chosen", "rejected", "difficulty")
  },
  output: PreferenceEvaluation,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  map: { over: "pairs", by: "prompt_id", groups: 256 },
  run: Effect.fn("EvaluatePreferences.run")(function*({ config, inputs, progress, shared }) {
    const { policy, policy_id } = yield* shared("policy", openInput(inputs.policy))
    const pairs = inputs.pairs.rows()
    const encoded = yield* encodePairs(policy, pairs, config)
    const scores = yield* policy.score({
      sequences: encoded.flatMap(({ chosen, prompt, rejected }) => [
        { prompt, response: chosen },
        { prompt, response: rejected }
      ]),
      onProgress: (done, total) => progress({ done, total, unit: "responses" })
    })
    const margins = chunksOf(scores, 2).map(([chosen, rejected]) =>
      preferenceMargin(chosen.logProbs, rejected?.logProbs ?? new Float32Array(0), config.beta)
    )
    return zipWith(zip(pairs, encoded), margins, ([pair, { truncated }], margin) => ({
      policy: config.label,
      policy_id,
      pair_id: pair.pair_id,
      prompt_id: pair.prompt_id,
      difficulty: pair.difficulty,
      ...margin,
      truncated
    }))
  })
})
