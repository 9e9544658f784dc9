import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/**
 * Preference pairs as a policy reads them, with what a reference policy thinks of each response. What trains on them reads
 * these tokens and encodes nothing anew, so that both log-probs are of the same sequence.
 */
export const PreferenceSequences = TableType.make("PreferenceSequences", {
  pair_id: Column.utf8({ doc: "Stable id of the pair.", id: true }),
  prompt_id: Shared.promptId,
  prompt_tokens: Shared.promptTokens,
  chosen_tokens: Column.list(Column.int32(), {
    doc: "Token ids of the preferred response; the end-of-sequence token is included unless it was cut off.",
    unit: "token ids"
  }),
  rejected_tokens: Column.list(Column.int32(), { doc: "The same of the other response.", unit: "token ids" }),
  chosen_reference_log_prob: Column.float64({
    doc: "log pi_ref(chosen | prompt), summed over its tokens; TRL's ref_chosen_logps.",
    unit: "nats"
  }),
  rejected_reference_log_prob: Column.float64({
    doc: "log pi_ref(rejected | prompt), summed over its tokens; TRL's ref_rejected_logps.",
    unit: "nats"
  }),
  truncated: Column.bool({ doc: "Whether the prompt or a response was cut to the longest sequence." })
})
