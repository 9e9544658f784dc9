/** Held-out pairs that nodes look at while they train on something else than pairs. */
import * as Effect from "effect/Effect"
import { Node, TableType } from "gemflow"
import { PreferenceSequences, type Table } from "gemflow/artifacts"
import type { PreferencePair } from "../../runtime/policy/loss/Preference.ts"

/** Of PreferenceSequences, what a loss of pairs reads. */
export const Sequences = TableType.pick(
  PreferenceSequences,
  "prompt_tokens",
  "chosen_tokens",
  "rejected_tokens",
  "chosen_reference_log_prob",
  "rejected_reference_log_prob",
  "truncated"
)

/** An input of pairs to look at; it may be left out. */
export const heldOutInput = Node.many(Sequences)

/** The pairs of tables, as a loss takes them. */
export const pairsOf = (tables: ReadonlyArray<Table<typeof Sequences>>): ReadonlyArray<PreferencePair> =>
  tables.flatMap((table) => table.rows()).map((row) => ({
    chosen: { prompt: row.prompt_tokens, response: row.chosen_tokens },
    rejected: { prompt: row.prompt_tokens, response: row.rejected_tokens },
    reference: { chosen: row.chosen_reference_log_prob, rejected: row.rejected_reference_log_prob }
  }))

/**
 * Held-out pairs looked at through DPO's eyes, whatever is trained: eval_rewards/accuracies, eval_rewards/margins ... and
 * eval_loss are those of dpo with its default beta of 0.1, and so may be laid over its curves.
 */
export const asDpoSeesThem = Effect.fnUntraced(
  function*(tables: ReadonlyArray<Table<typeof Sequences>>, everySteps: number) {
    const { dpo } = yield* Effect.promise(() => import("../../runtime/policy/loss/Dpo.ts"))
    const { preferenceItems } = yield* Effect.promise(() => import("../../runtime/policy/loss/Preference.ts"))
    return { objective: dpo({ beta: 0.1, distributions: true }), items: preferenceItems(pairsOf(tables)), everySteps }
  }
)
