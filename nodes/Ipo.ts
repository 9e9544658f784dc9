/**
 * ipo: identity preference optimisation (Azar et al. 2023, equation 17), TRL's DPOTrainer with loss_type "ipo". A step over a
 * batch of pairs minimises the mean of
 *
 *     (d(chosen) / |chosen| - d(rejected) / |rejected| - 1 / (2 beta))^2        d(y) = log pi(y | x) - log pi_ref(y | x)
 *
 * where |y| counts the response's tokens, by which TRL divides on the authors' advice. Where DPO pushes a pair apart without
 * end, IPO pulls the difference to 1 / (2 beta) nats per token. Inputs and curves are those of dpo.
 *
 * @errors NotOnePolicy, OtherBaseWeights, PolicyRequestError, TrainingDiverged, SessionError, CheckpointError
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node } from "gemflow"
import { Policy } from "gemflow/artifacts"
import { devicesOf } from "./config/Devices.ts"
import { optional, Positive } from "./config/Field.ts"
import { pairFields, pairInputs, trainOnSequences } from "./pairs/TrainOnPairs.ts"

export const Ipo = Node.make("ipo", {
  doc: "Identity preference optimisation: pulls the difference of chosen and rejected responses to a fixed margin.",
  module: import.meta.url,
  config: Schema.Struct({
    beta: optional(Positive, 0.1, "tau of the paper; the margin is 1 / (2 beta). 0.1 in TRL."),
    ...pairFields
  }),
  inputs: pairInputs,
  output: Policy,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  run: Effect.fn("Ipo.run")(function*(context) {
    const { ipo } = yield* Effect.promise(() => import("../runtime/policy/loss/Ipo.ts"))
    return yield* trainOnSequences(context, ipo({ beta: context.config.beta, distributions: true }), "ipo")
  })
})
