/** What PPO knows of its responses before it trains on them. */
import type { SampledResponse } from "../../runtime/policy/loss/GeneralisedAdvantages.ts"
import type { Sequence } from "../../runtime/policy/SequenceBatch.ts"
import { mean, sum } from "../statistics/Moments.ts"

export interface Response extends SampledResponse {
  readonly prompt_id: string
  readonly sequence: Sequence
  /** Whether the policy ended it itself. */
  readonly finished: boolean
}

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
