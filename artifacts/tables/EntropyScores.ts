import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/** The entropy score of each candidate: S = -H_final + lambda * B. */
export const EntropyScores = TableType.make("EntropyScores", {
  candidate_id: Shared.candidateId,
  prompt_id: Shared.promptId,
  candidate: Shared.candidate,
  final_entropy: Column.float64({ doc: "H_final: mean token entropy over the final-answer span.", unit: "nats" }),
  branching_entropy: Column.float64({
    doc: "B: mean of the m largest token entropies before the final-answer span.",
    unit: "nats"
  }),
  score: Column.float64({ doc: "S = -H_final + lambda * B.", unit: "nats" }),
  score_sd: Column.float64({ doc: "Standard error of S, from the spread of its token-level terms.", unit: "nats" }),
  answer_start: Column.int32({
    doc: "Index of the first response token of the final-answer span, from 0.",
    unit: "tokens"
  }),
  has_marker: Column.bool({
    doc: "Whether the response has the final-answer marker; if not, the span is its last part."
  }),
  response_tokens: Column.int32({ doc: "Length of the response.", unit: "tokens" }),
  branch_tokens: Column.int32({ doc: "m: the tokens that B averages over.", unit: "tokens" })
})
