import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/**
 * What the pipeline did to the model: a row per policy, on held-out data. Accuracies are fractions in [0, 1]; they are null
 * where a policy was evaluated on answers alone, or on preferences alone.
 */
export const Report = TableType.make("Report", {
  policy: Shared.policyLabel,
  answer_accuracy: Column.float64({ doc: "Fraction of responses with the expected answer.", nullable: true }),
  answer_low: Column.float64({ doc: "Lower end of the 95 % interval of answer_accuracy.", nullable: true }),
  answer_high: Column.float64({ doc: "Upper end of the 95 % interval of answer_accuracy.", nullable: true }),
  answers: Column.int32({ doc: "Responses evaluated.", unit: "responses" }),
  preference_accuracy: Column.float64({
    doc: "Fraction of pairs whose chosen response has the larger log-prob.",
    nullable: true
  }),
  preference_low: Column.float64({ doc: "Lower end of the 95 % interval of preference_accuracy.", nullable: true }),
  preference_high: Column.float64({ doc: "Upper end of the 95 % interval of preference_accuracy.", nullable: true }),
  preference_accuracy_per_token: Column.float64({
    doc: "Fraction of pairs whose chosen response has the larger log-prob per token, free of length bias.",
    nullable: true
  }),
  pairs: Column.int32({ doc: "Preference pairs evaluated.", unit: "pairs" }),
  mean_response_tokens: Column.float64({
    doc: "Mean length of the responses evaluated.",
    unit: "tokens",
    nullable: true
  }),
  finished_fraction: Column.float64({ doc: "Fraction of responses that the policy ended itself.", nullable: true }),
  truncated: Column.int32({ doc: "Pairs and prompts of answers that were cut to the context.", unit: "rows" })
})
