import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/** Whether a policy prefers the chosen response of each held-out pair. */
export const PreferenceEvaluation = TableType.make("PreferenceEvaluation", {
  policy: Shared.policyLabel,
  policy_id: Column.utf8({ doc: "Stable id of the policy: the digest of its checkpoint directory." }),
  pair_id: Column.utf8({ doc: "Stable id of the pair.", id: true }),
  prompt_id: Shared.promptId,
  difficulty: Shared.difficulty,
  chosen_log_prob: Column.float64({ doc: "log pi(chosen | prompt), summed over the response.", unit: "nats" }),
  rejected_log_prob: Column.float64({ doc: "log pi(rejected | prompt), summed over the response.", unit: "nats" }),
  chosen_tokens: Column.int32({ doc: "Length of the chosen response.", unit: "tokens" }),
  rejected_tokens: Column.int32({ doc: "Length of the rejected response.", unit: "tokens" }),
  margin: Column.float64({ doc: "beta * (log pi(chosen) - log pi(rejected)).", unit: "nats" }),
  margin_per_token: Column.float64({
    doc: "The margin with each log-prob divided by its response's length, free of length bias.",
    unit: "nats per token"
  }),
  correct: Column.bool({ doc: "Whether margin > 0." }),
  correct_per_token: Column.bool({ doc: "Whether margin_per_token > 0." }),
  truncated: Column.bool({ doc: "Whether the prompt or a response was cut to the context." })
})
