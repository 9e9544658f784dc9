/** What dpo, ipo and pairwise-update share: everything but the loss, and where the pairs are from. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Node } from "gemflow"
import type { Table } from "gemflow/artifacts"
import type { PreferencePair } from "../../runtime/policy/loss/Preference.ts"
import type { Objective } from "../../runtime/policy/train/Objective.ts"
import { adapterField } from "../config/Adapter.ts"
import { trainingDevices } from "../config/Devices.ts"
import { evaluateEverySteps } from "../config/Evaluation.ts"
import { Count, optional, Positive } from "../config/Field.ts"
import { optimiserFields, optimiserOf } from "../config/Optimiser.ts"
import { openInput, PolicyInput } from "../policy/OpenInput.ts"
import { type TrainingOptions, trainObjective } from "../policy/TrainObjective.ts"
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

export interface PairTraining {
  readonly config: typeof Config.Type
  readonly policy: Table<typeof PolicyInput>
  readonly pairs: ReadonlyArray<PreferencePair>
  /** Of the pairs, how many were cut to the longest sequence. */
  readonly truncated: number
  readonly heldOut: ReadonlyArray<PreferencePair>
  readonly objective: Objective
  readonly origin: TrainingOptions["origin"]
  readonly progress: TrainingOptions["progress"]
}

/** The row of the policy trained with a loss of pairs. */
export const trainOnPairs = Effect.fn("trainOnPairs")(function*(training: PairTraining) {
  const { config, heldOut, objective, origin, pairs, progress, truncated } = training
  const { preferenceItems } = yield* Effect.promise(() => import("../../runtime/policy/loss/Preference.ts"))
  const { files, policy } = yield* openInput(training.policy, config.adapter?.base_weights)
  return yield* trainObjective({
    policy,
    files,
    adapter: config.adapter,
    objective,
    steps: epochBatches(pairs, config.batch_pairs, config).map(preferenceItems),
    evaluate: { objective, items: preferenceItems(heldOut), everySteps: config.evaluate_every_steps },
    optimiser: optimiserOf(config),
    origin,
    truncated,
    progress
  })
})

type Context = Node.RunContext<typeof Config.Type, Node.Tables<typeof pairInputs>>

/** The same, for a node that reads `pairInputs`. */
export const trainOnSequences = ({ config, inputs, progress }: Context, objective: Objective, origin: "dpo" | "ipo") =>
  trainOnPairs({
    config,
    policy: inputs.policy,
    pairs: pairsOf([inputs.pairs]),
    truncated: inputs.pairs.rows().filter(({ truncated }) => truncated).length,
    heldOut: pairsOf(inputs.held_out),
    objective,
    origin,
    progress
  })
