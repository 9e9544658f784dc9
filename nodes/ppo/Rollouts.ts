/** What PPO knows of its responses before it trains on them. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Node, TableType } from "gemflow"
import { Candidates, ReferenceLogProbs, RewardScores } from "gemflow/artifacts"
import type { SampledResponse } from "../../runtime/policy/loss/GeneralisedAdvantages.ts"
import type { Sequence } from "../../runtime/policy/SequenceBatch.ts"
import { byCandidate } from "../groups/ByCandidate.ts"
import { mean, sum } from "../statistics/Moments.ts"

/** The sampled responses, their scores, and what the reference thinks of them. */
export const rolloutInputs = {
  candidates: TableType.pick(Candidates, "candidate_id", "prompt_tokens", "tokens", "token_log_prob", "finished"),
  scores: TableType.pick(RewardScores, "candidate_id", "prompt_id", "score"),
  reference: TableType.pick(ReferenceLogProbs, "candidate_id", "reference_log_prob")
}

/** Log-probs that are of other tokens than were sampled. */
export class LogProbsOfOtherTokens extends Schema.TaggedError<LogProbsOfOtherTokens>()("LogProbsOfOtherTokens", {
  candidate_id: Schema.String,
  tokens: Schema.Int,
  logProbs: Schema.Int
}) {
  override get message() {
    return `Candidate ${this.candidate_id} has ${this.tokens} tokens, and reference ${this.logProbs} log-probs of it; wire `
      + "reference-log-probs of the same sampled candidates."
  }
}

export interface Response extends SampledResponse {
  readonly prompt_id: string
  readonly sequence: Sequence
  /** Whether the policy ended it itself. */
  readonly finished: boolean
}

/** Each scored candidate with what the policy and the reference thought of its tokens. */
export const joinRollouts = Effect.fnUntraced(function*(inputs: Node.Tables<typeof rolloutInputs>) {
  const candidate = byCandidate(inputs.candidates.rows(), { asked: "scores", lacking: "candidates" })
  const reference = byCandidate(inputs.reference.rows(), { asked: "scores", lacking: "reference" })
  return yield* Effect.forEach(inputs.scores.rows(), ({ candidate_id, prompt_id, score }) =>
    Effect.gen(function*() {
      const { finished, prompt_tokens, token_log_prob, tokens } = yield* candidate(candidate_id)
      const { reference_log_prob } = yield* reference(candidate_id)
      if (reference_log_prob.length !== tokens.length) {
        return yield* new LogProbsOfOtherTokens({
          candidate_id,
          tokens: tokens.length,
          logProbs: reference_log_prob.length
        })
      }
      const sequence = { prompt: prompt_tokens, response: tokens }
      return { prompt_id, score, sequence, finished, logProbs: token_log_prob, referenceLogProbs: reference_log_prob }
    }))
})

/**
 * Means over responses by the names of TRL's PPOTrainer: `objective/kl` the difference of log pi and log pi_ref summed over a
 * response's tokens, `objective/entropy` its negative log-prob, `objective/rlhf_reward` the score less the penalty for that
 * difference; `val/num_eos_tokens` counts the responses that ended.
 */
export const rolloutMetrics = (responses: ReadonlyArray<Response>, klCoefficient: number) => {
  const kl = mean(responses.map(({ logProbs, referenceLogProbs }) => sum(logProbs) - sum(referenceLogProbs)))
  const scores = mean(responses.map(({ score }) => score))
  return {
    "objective/kl": kl,
    "objective/entropy": mean(responses.map(({ logProbs }) => -sum(logProbs))),
    "objective/scores": scores,
    "objective/non_score_reward": -klCoefficient * kl,
    "objective/rlhf_reward": scores - klCoefficient * kl,
    "val/num_eos_tokens": responses.filter(({ finished }) => finished).length
  }
}
