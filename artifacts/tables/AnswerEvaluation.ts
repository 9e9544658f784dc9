import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/** The answers that a policy gives to held-out prompts, against the answers expected. */
export const AnswerEvaluation = TableType.make("AnswerEvaluation", {
  policy: Shared.policyLabel,
  policy_id: Column.utf8({ doc: "Stable id of the policy: the digest of its checkpoint directory." }),
  prompt_id: Shared.promptId,
  sample: Column.int32({ doc: "Index of the response among those of its prompt, from 0." }),
  expected: Column.utf8({ doc: "The answer of the chosen response." }),
  answer: Column.utf8({ doc: "The answer found in the response; null when it has none.", nullable: true }),
  correct: Column.bool({ doc: "Whether the answer is the one expected." }),
  text: Column.utf8({ doc: "The response, without special tokens." }),
  response_tokens: Column.int32({ doc: "Length of the response.", unit: "tokens" }),
  prompt_truncated: Column.bool({ doc: "Whether the prompt was cut from the left to fit the context." }),
  finished: Column.bool({ doc: "Whether the policy ended the response itself, rather than the length limit." }),
  difficulty: Shared.difficulty
})
