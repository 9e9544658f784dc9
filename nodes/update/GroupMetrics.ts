import { mean, variance } from "../statistics/Moments.ts"

/** A candidate that a step trains on, or that was left out of it because its weight is 0. */
export interface JudgedCandidate {
  readonly reward: number
  readonly response: Int32Array
  /** Whether the policy ended it itself. */
  readonly finished: boolean
}

/**
 * Of a step's groups, by the names of TRL's GRPOTrainer: `reward` the mean over responses, `reward_std` the mean over groups of
 * the standard deviation within (n - 1), `frac_reward_zero_std` the share of groups without any, lengths in tokens, and
 * `completions/clipped_ratio` the share of responses that the length limit ended.
 */
export const groupMetrics = (groups: ReadonlyArray<ReadonlyArray<JudgedCandidate>>) => {
  const all = groups.flat()
  const lengths = all.map(({ response }) => response.length)
  const deviations = groups.map((group) => Math.sqrt(variance(group.map(({ reward }) => reward))))
  return {
    reward: mean(all.map(({ reward }) => reward)),
    reward_std: mean(deviations),
    frac_reward_zero_std: mean(deviations.map((deviation) => deviation === 0 ? 1 : 0)),
    "completions/mean_length": mean(lengths),
    "completions/min_length": lengths.reduce((least, length) => Math.min(least, length), Infinity),
    "completions/max_length": lengths.reduce((most, length) => Math.max(most, length), 0),
    "completions/clipped_ratio": mean(all.map(({ finished }) => finished ? 0 : 1))
  }
}
