import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/** What a reward model gives each candidate. The columns are those that rank reads of entropy scores. */
export const RewardScores = TableType.make("RewardScores", {
  candidate_id: Shared.candidateId,
  prompt_id: Shared.promptId,
  candidate: Shared.candidate,
  score: Column.float64({ doc: "The reward of the whole response, less the penalty for one that did not end." }),
  score_sd: Column.float64({ doc: "Its standard error: 0, since a reward model says nothing of it." })
})
