/**
 * dpo: direct preference optimisation (Rafailov et al. 2023, equation 7), TRL's DPOTrainer with loss_type "sigmoid". A step
 * over a batch of pairs minimises the mean of
 *
 *     - log sigmoid(beta (d(chosen) - d(rejected)))        d(y) = log pi(y | x) - log pi_ref(y | x)
 *
 * with sums over response tokens. What the reference thinks comes with the pairs (preference-sequences, or
 * pairs-from-ranking for pairs that the policy sampled). The curves have TRL's names: rewards/chosen = beta d(chosen),
 * rewards/margins, logps/chosen, logits/chosen, entropy ... and, with `held_out` wired, eval_ of each.
 *
 * @errors NotOnePolicy, OtherBaseWeights, PolicyRequestError, TrainingDiverged, SessionError, CheckpointError
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node } from "gemflow"
import { Policy } from "gemflow/artifacts"
import { devicesOf } from "./config/Devices.ts"
import { optional, Positive } from "./config/Field.ts"
import { pairFields, pairInputs, trainOnPairs } from "./pairs/TrainOnPairs.ts"

const MislabelledShare = Schema.Finite.check(
  Schema.isBetween({ minimum: 0, maximum: 0.5, exclusiveMaximum: true }, { expected: "a number from 0 to below 0.5" })
)

export const Dpo = Node.make("dpo", {
  doc:
    "Direct preference optimisation: makes chosen responses likelier than rejected ones, against a reference policy.",
  module: import.meta.url,
  config: Schema.Struct({
    beta: optional(Positive, 0.1, "How closely the policy is held to the reference: 0.1 in the paper and in TRL."),
    label_smoothing: optional(
      MislabelledShare,
      0,
      "e, the chance that a pair is labelled the wrong way round (Mitchell 2023): the loss is then "
        + "-(1 - e) log sigmoid(m) - e log sigmoid(-m)."
    ),
    ...pairFields
  }),
  inputs: pairInputs,
  output: Policy,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  run: Effect.fn("Dpo.run")(function*(context) {
    const { dpo } = yield* Effect.promise(() => import("../runtime/policy/loss/Dpo.ts"))
    const { beta, label_smoothing: labelSmoothing } = context.config
    return yield* trainOnPairs(context, dpo({ beta, labelSmoothing, distributions: true }), "dpo")
  })
})
