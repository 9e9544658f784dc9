import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/** What a reference policy thinks of each token of sampled responses. */
export const ReferenceLogProbs = TableType.make("ReferenceLogProbs", {
  candidate_id: Shared.candidateId,
  prompt_id: Shared.promptId,
  reference_log_prob: Column.list(Column.float32(), {
    doc: "log pi_ref(token | prefix) of each token of the response, at temperature 1.",
    unit: "nats"
  })
})
