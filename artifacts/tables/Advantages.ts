import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/** What each candidate is worth against the others of its prompt, and its weight in the update. */
export const Advantages = TableType.make("Advantages", {
  candidate_id: Shared.candidateId,
  prompt_id: Shared.promptId,
  candidate: Shared.candidate,
  reward: Column.float64({ doc: "r = f(S), or f(mu)." }),
  baseline: Column.float64({ doc: "Mean reward of the prompt's candidates." }),
  advantage: Column.float64({ doc: "A = r - baseline, standardised when the node is told so." }),
  weight: Column.float64({ doc: "w: the factor of log pi(candidate | prompt) in the SEGA loss." })
})
