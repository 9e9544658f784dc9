/** What dpo and ipo share: everything but the loss. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Node } from "gemflow"
import type { Objective } from "../../runtime/policy/train/Objective.ts"
import { adapterField } from "../config/Adapter.ts"
import { trainingDevices } from "../config/Devices.ts"
import { evaluateEverySteps } from "../config/Evaluation.ts"
import { Count, optional, Positive } from "../config/Field.ts"
import { optimiserFields, optimiserOf } from "../config/Optimiser.ts"
import { openInput, PolicyInput } from "../policy/OpenInput.ts"
import { trainObjective } from "../policy/TrainObjective.ts"
import { epochBatches } from "../statistics/EpochBatches.ts"
import { heldOutInput, pairsOf, Sequences } from "./HeldOut.ts"

export const pairInputs = { policy: PolicyInput, pairs: Sequences, held_out: heldOutInput }

export const pairFields = {
  batch_pairs: optional(Count, 64, "Pairs per optimiser step: 64 in the DPO paper (Rafailov et al. 2023, appendix B)."),
  ...optimiserFields,
  learning_rate: optional(Positive, 1e-6, "Largest learning rate: 1e-6 in the DPO paper and in TRL's DPOConfig."),
  evaluate_every_steps: evaluateEverySteps,
  adapter: adapterField,
  devices: trainingDevices
}

const Config = Schema.Struct(pairFields)

type Context = Node.RunContext<typeof Config.Type, Node.Tables<typeof pairInputs>>

/** The row of the policy trained with a loss of pairs. */
export const trainOnPairs = Effect.fn("trainOnPairs")(function*(
  { config, inputs, progress }: Context,
  objective: Objective,
  origin: "dpo" | "ipo"
) {
  const { preferenceItems } = yield* Effect.promise(() => import("../../runtime/policy/loss/Preference.ts"))
  const { files, policy } = yield* openInput(inputs.policy, config.adapter?.base_weights)
  return yield* trainObjective({
    policy,
    files,
    adapter: config.adapter,
    objective,
    steps: epochBatches(pairsOf([inputs.pairs]), config.batch_pairs, config).map(preferenceItems),
    evaluate: { objective, items: preferenceItems(pairsOf(inputs.held_out)), everySteps: config.evaluate_every_steps },
    optimiser: optimiserOf(config),
    origin,
    truncated: inputs.pairs.rows().filter(({ truncated }) => truncated).length,
    progress
  })
})
