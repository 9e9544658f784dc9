/**
 * pairs-from-ranking: preference pairs of what the policy itself sampled: the best candidate of a prompt is chosen over the
 * worst, the second best over the second worst, and so on, up to `pairs`. After filter they are the candidates it kept, so
 * that sample, entropy-score, rank, filter, pairs-from-ranking, dpo is the ablation "cognitive filtering + DPO" of GEM
 * (arXiv 2511.13007).
 *
 * The responses are the sampled tokens, and the reference policy is the one that sampled them, whose log-probs are recorded
 * with them. Candidates with the same tokens make no pair.
 *
 * @errors CandidateNotThere
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Candidates, PreferenceSequences, Ranking } from "gemflow/artifacts"
import { Count, optional } from "./config/Field.ts"
import { byCandidate } from "./groups/ByCandidate.ts"
import { byPrompt } from "./groups/ByPrompt.ts"
import { bestAgainstWorst } from "./ranking/BestAgainstWorst.ts"
import { sum } from "./statistics/Moments.ts"

export const PairsFromRanking = Node.make("pairs-from-ranking", {
  doc: "Pairs each prompt's best candidates with its worst.",
  module: import.meta.url,
  config: Schema.Struct({
    pairs: optional(Count, 1, "Pairs of each prompt, at most half of its candidates.")
  }),
  inputs: {
    candidates: TableType.pick(
      Candidates,
      "candidate_id",
      "prompt_tokens",
      "prompt_truncated",
      "tokens",
      "token_log_prob"
    ),
    ranking: TableType.pick(Ranking, "candidate_id", "prompt_id", "rank")
  },
  output: PreferenceSequences,
  determinism: "exact",
  run: Effect.fn("PairsFromRanking.run")(function*({ config, inputs }) {
    const candidate = byCandidate(inputs.candidates.rows(), { asked: "ranking", lacking: "candidates" })
    const rows: Array<TableType.Row<typeof PreferenceSequences>> = []
    for (const [prompt_id, group] of byPrompt(inputs.ranking.rows())) {
      for (const [best, worst] of bestAgainstWorst(group, ({ rank }) => rank, config.pairs)) {
        const [chosen, rejected] = [yield* candidate(best.candidate_id), yield* candidate(worst.candidate_id)]
        if (chosen.tokens.join() === rejected.tokens.join()) continue
        rows.push({
          pair_id: `${chosen.candidate_id}>${rejected.candidate_id}`,
          prompt_id,
          prompt_tokens: chosen.prompt_tokens,
          chosen_tokens: chosen.tokens,
          rejected_tokens: rejected.tokens,
          chosen_reference_log_prob: sum(chosen.token_log_prob),
          rejected_reference_log_prob: sum(rejected.token_log_prob),
          truncated: chosen.prompt_truncated
        })
      }
    }
    return rows
  })
})
