import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/** The candidates of each prompt, rated and ranked against each other. */
export const Ranking = TableType.make("Ranking", {
  candidate_id: Shared.candidateId,
  prompt_id: Shared.promptId,
  candidate: Shared.candidate,
  score: Column.float64({ doc: "The entropy score S that the rating was inferred from.", unit: "nats" }),
  mu: Column.float64({ doc: "Inferred quality, on the rating's own scale." }),
  sigma: Column.float64({ doc: "Standard deviation of the inferred quality, on the same scale as mu." }),
  rank: Column.int32({ doc: "Place among the prompt's candidates by mu, 1 is best; ties go to the lower candidate." })
})
