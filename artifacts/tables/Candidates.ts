import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/** Sampled responses, k per prompt, with what the policy thought of each token it drew. */
export const Candidates = TableType.make("Candidates", {
  candidate_id: Shared.candidateId,
  prompt_id: Shared.promptId,
  candidate: Shared.candidate,
  prompt: Shared.prompt,
  prompt_tokens: Shared.promptTokens,
  prompt_truncated: Column.bool({ doc: "Whether the prompt was cut from the left to fit the context." }),
  tokens: Column.list(Column.int32(), {
    doc: "Token ids of the response; the end-of-sequence token is included when the policy emitted it.",
    unit: "token ids"
  }),
  token_text: Column.list(Column.utf8(), { doc: "Decoded piece of each token; a special token is the empty string." }),
  text: Column.utf8({ doc: "The response, without special tokens." }),
  token_log_prob: Column.list(Column.float32(), {
    doc: "log pi(token | prefix) of each sampled token, under the raw logits at temperature 1.",
    unit: "nats"
  }),
  token_entropy: Column.list(Column.float32(), {
    doc: "H_t = -sum_x P_t(x) log P_t(x) before each token, over the raw logits at temperature 1.",
    unit: "nats"
  }),
  finished: Column.bool({ doc: "Whether the policy ended the response itself, rather than the length limit." })
})
