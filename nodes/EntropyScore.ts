/**
 * entropy-score: how a policy's own uncertainty judges each response it sampled (GEM, arXiv 2511.13007, cognitive
 * filtering).
 *
 *     H_t = -sum_x P_t(x) log P_t(x)        nats, over the raw logits (temperature 1), response tokens only
 *     S   = -H_final + lambda * B
 *
 * H_final is the mean of H_t over the final-answer span: a chain that ends sure of its answer scores high. B is the mean of
 * the m largest H_t before the span: a chain that met open choices on its way scores high. nodes/entropy/Score.ts has the
 * formulas with their options, nodes/entropy/AnswerSpan.ts finds the span. The sampling program emits H_t itself; what
 * filtered scores (after temperature or top-p) would give is not offered, because it measures the sampler, not the policy.
 *
 * @errors UnusableCandidate for a response without tokens, or an entropy that is not a finite number of at least 0.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Candidates, EntropyScores } from "gemflow/artifacts"
import { defaultMarker, Marker } from "./answer/Marker.ts"
import { Amount, NonNegative, optional } from "./config/Field.ts"
import { answerSpan } from "./entropy/AnswerSpan.ts"
import { score } from "./entropy/Score.ts"
import { UnusableCandidate } from "./entropy/UnusableCandidate.ts"

const ScoredCandidates = TableType.pick(
  Candidates,
  "candidate_id",
  "prompt_id",
  "candidate",
  "token_text",
  "token_entropy"
)

export const EntropyScore = Node.make("entropy-score", {
  doc: "Scores each candidate by the policy's entropies: sure at the answer, open on the way.",
  module: import.meta.url,
  config: Schema.Struct({
    lambda: optional(
      Schema.Finite,
      1,
      "Weight of the branching entropy B. 1.0 in the released code, 0.4 in an earlier release; unknown in the paper."
    ),
    final_weight: optional(
      NonNegative,
      1,
      "Weight of the terminal term -H_final. 0 is the paper's ablation without terminal entropy."
    ),
    top_m: optional(
      Amount,
      0.1,
      "How many of the largest entropies before the answer B takes: below 1 a share of those tokens, from 1 on a count. "
        + "At least one token."
    ),
    rounding: optional(
      Schema.Literals(["ceil", "floor"]),
      "ceil",
      "How a share top_m becomes a count of tokens; the two code releases differ."
    ),
    over: optional(
      Schema.Literals(["selected", "all"]),
      "selected",
      "What B's sum is divided by: the m selected tokens (released code), or all tokens before the answer (a review)."
    ),
    span: optional(
      Schema.Literals(["marker", "tail"]),
      "marker",
      "The final-answer span: from the last marker on, or, as the released code has it, the last `tail` tokens of any "
        + "response that has a marker."
    ),
    marker: optional(
      Marker,
      defaultMarker,
      "Regular expression of the final-answer marker; its last occurrence counts."
    ),
    tail: optional(
      Amount,
      0.25,
      "With span tail: below 1 a share of the response, from 1 on a count of tokens (3 in the earlier release)."
    ),
    fallback_tail: optional(
      Amount,
      0.2,
      "The span of a response without marker: its last part, below 1 a share of it, from 1 on a count of tokens."
    )
  }),
  inputs: { candidates: ScoredCandidates },
  output: EntropyScores,
  determinism: "exact",
  map: { over: "candidates", by: "prompt_id", groups: 64 },
  run: Effect.fn("EntropyScore.run")(function*({ config, inputs }) {
    const rows: Array<TableType.Row<typeof EntropyScores>> = []
    for (const candidate of inputs.candidates.rows()) {
      yield* checkCandidate(candidate)
      const { hasMarker, start } = answerSpan(candidate.token_text, config)
      rows.push({
        candidate_id: candidate.candidate_id,
        prompt_id: candidate.prompt_id,
        candidate: candidate.candidate,
        ...score(candidate.token_entropy, start, config),
        answer_start: start,
        has_marker: hasMarker,
        response_tokens: candidate.token_entropy.length
      })
    }
    return rows
  })
})

const checkCandidate = ({ candidate_id, token_entropy, token_text }: TableType.Row<typeof ScoredCandidates>) => {
  const unusable = (column: string, problem: string, remedy: string) =>
    Effect.fail(new UnusableCandidate({ candidate_id, column, problem, remedy }))
  if (token_entropy.length === 0) {
    return unusable(
      "token_entropy",
      "the response has no tokens, so it has no entropy",
      "The sampler emits at least one token per response; drop this row before entropy-score."
    )
  }
  if (token_text.length !== token_entropy.length) {
    return unusable(
      "token_text",
      `${token_text.length} pieces for ${token_entropy.length} entropies`,
      "Both columns hold one value per response token."
    )
  }
  const wrong = token_entropy.findIndex((entropy) => !(entropy >= 0 && entropy < Number.POSITIVE_INFINITY))
  if (wrong >= 0) {
    return unusable(
      "token_entropy",
      `the entropy of token ${wrong} is ${token_entropy[wrong]}, not a finite number of at least 0`,
      "The policy's logits were not finite there: look at the update that made it (a lower learning rate, a clip)."
    )
  }
  return Effect.void
}
