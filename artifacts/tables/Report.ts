import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/** What the pipeline did to the model: a row per policy, on held-out data. Accuracies are fractions in [0, 1]. */
export const Report = TableType.make("Report", {
  policy: Shared.policyLabel,
  answer_accuracy: Column.float64({ doc: "Fraction of responses with the expected answer." }),
  answer_low: Column.float64({ doc: "Lower end of the 95 % interval of answer_accuracy." }),
  answer_high: Column.float64({ doc: "Upper end of the 95 % interval of answer_accuracy." }),
  answers: Column.int32({ doc: "Responses evaluated.", unit: "responses" }),
  preference_accuracy: Column.float64({ doc: "Fraction of pairs whose chosen response has the larger log-prob." }),
  preference_low: Column.float64({ doc: "Lower end of the 95 % interval of preference_accuracy." }),
  preference_high: Column.float64({ doc: "Upper end of the 95 % interval of preference_accuracy." }),
  preference_accuracy_per_token: Column.float64({
    doc: "Fraction of pairs whose chosen response has the larger log-prob per token, free of length bias."
  }),
  pairs: Column.int32({ doc: "Preference pairs evaluated.", unit: "pairs" }),
  mean_response_tokens: Column.float64({ doc: "Mean length of the responses evaluated.", unit: "tokens" }),
  finished_fraction: Column.float64({ doc: "Fraction of responses that the policy ended itself." }),
  truncated: Column.int32({ doc: "Pairs that were cut to the context.", unit: "pairs" })
})
