import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/** Responses to one prompt, from best to worst, as a policy reads them: a row per response, lists one after the other. */
export const RankedResponses = TableType.make("RankedResponses", {
  pair_id: Column.utf8({ doc: "The pair whose responses begin and end the list.", id: true }),
  prompt_id: Shared.promptId,
  place: Column.int32({ doc: "Place in the list, 1 is best." }),
  reward: Column.float64({ doc: "r* of PRO: from 1 for the best to 0 for the worst, in equal steps." }),
  source: Column.utf8({ doc: "chosen, rejected, or the candidate_id of a sampled response." }),
  prompt_tokens: Shared.promptTokens,
  tokens: Column.list(Column.int32(), { doc: "Token ids of the response.", unit: "token ids" }),
  truncated: Column.bool({ doc: "Whether the prompt or the response was cut to the longest sequence." })
})
