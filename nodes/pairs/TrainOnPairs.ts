/** What dpo and ipo share: everything but the loss. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { PreferenceSequences } from "gemflow/artifacts"
import type { PreferencePair } from "../../runtime/policy/loss/Preference.ts"
import type { Objective } from "../../runtime/policy/train/Objective.ts"
import { adapterField } from "../config/Adapter.ts"
import { trainingDevices } from "../config/Devices.ts"
import { evaluateEverySteps } from "../config/Evaluation.ts"
import { Count, optional, Positive } from "../config/Field.ts"
import { optimiserFields, optimiserOf } from "../config/Optimiser.ts"
import { openInput, PolicyInput } from "../policy/OpenInput.ts"
import { trainObjective } from "../policy/TrainObjective.ts"
import { epochBatches } from "../statistics/EpochBatches.ts"

const Sequences = TableType.pick(
  PreferenceSequences,
  "prompt_tokens",
  "chosen_tokens",
  "rejected_tokens",
  "chosen_reference_log_prob",
  "rejected_reference_log_prob",
  "truncated"
)

export const pairInputs = { policy: PolicyInput, pairs: Sequences, held_out: Node.many(Sequences) }

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
  const rows = inputs.pairs.rows()
  const heldOut = inputs.held_out.flatMap((table) => table.rows())
  return yield* trainObjective({
    policy,
    files,
    adapter: config.adapter,
    objective,
    steps: epochBatches(rows.map(pairOf), config.batch_pairs, config).map(preferenceItems),
    evaluate: { objective, items: preferenceItems(heldOut.map(pairOf)), everySteps: config.evaluate_every_steps },
    optimiser: optimiserOf(config),
    origin,
    truncated: rows.filter(({ truncated }) => truncated).length,
    progress
  })
})

const pairOf = (row: TableType.Row<typeof Sequences>): PreferencePair => ({
  chosen: { prompt: row.prompt_tokens, response: row.chosen_tokens },
  rejected: { prompt: row.prompt_tokens, response: row.rejected_tokens },
  reference: { chosen: row.chosen_reference_log_prob, rejected: row.rejected_reference_log_prob }
})
