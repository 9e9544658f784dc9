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
import { dpoFields } from "./config/Dpo.ts"
import { pairFields, pairInputs, trainOnSequences } from "./pairs/TrainOnPairs.ts"

export const Dpo = Node.make("dpo", {
  doc:
    "Direct preference optimisation: makes chosen responses likelier than rejected ones, against a reference policy.",
  module: import.meta.url,
  config: Schema.Struct({
    ...dpoFields,
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
    return yield* trainOnSequences(context, dpo({ beta, labelSmoothing, distributions: true }), "dpo")
  })
})
