/** Advantages and returns of sampled responses, for PPO. */

export interface SampledResponse {
  /** Of the whole response: a reward model's, or any other. */
  readonly score: number
  /** Of each response token: log pi under the policy that sampled it and under the reference, nats, and its value. */
  readonly logProbs: ArrayLike<number>
  readonly referenceLogProbs: ArrayLike<number>
  readonly values: ArrayLike<number>
}

export interface AdvantageOptions {
  /** Of the penalty in the rewards for leaving the reference policy. */
  readonly klCoefficient: number
  /** Discount per token. Default 1. */
  readonly gamma?: number
  /** Default 0.95. */
  readonly lambda?: number
}

export interface Advantages {
  readonly advantages: Float64Array
  readonly returns: Float64Array
}

/**
 * Generalised advantage estimation (Schulman et al. 2016, equation 16) over the tokens t of each response y:
 *
 *     r_t = - klCoefficient (log pi_t - log pi_ref,t), plus the score at the last token
 *     delta_t = r_t + gamma v_(t+1) - v_t,   A_t = delta_t + gamma lambda A_(t+1),   R_t = A_t + v_t
 *
 * The advantages are then whitened over the tokens of all responses, (A - mean) / sqrt(variance + 1e-8) with n - 1 under
 * the variance, as in TRL's PPOTrainer.
 */
export const generalisedAdvantages = (
  responses: ReadonlyArray<SampledResponse>,
  options: AdvantageOptions
): ReadonlyArray<Advantages> => {
  const plain = responses.map((response) => advantagesOf(response, options))
  const all = plain.flatMap((advantages) => [...advantages])
  const mean = all.reduce((sum, a) => sum + a, 0) / all.length
  const variance = all.reduce((sum, a) => sum + (a - mean) ** 2, 0) / Math.max(1, all.length - 1)
  return responses.map(({ values }, index) => {
    const advantages = plain[index] ?? new Float64Array(0)
    return {
      advantages: advantages.map((a) => (a - mean) / Math.sqrt(variance + 1e-8)),
      returns: advantages.map((a, t) => a + (values[t] ?? 0))
    }
  })
}

const advantagesOf = (response: SampledResponse, options: AdvantageOptions): Float64Array => {
  const { logProbs, referenceLogProbs, score, values } = response
  const { gamma = 1, klCoefficient, lambda = 0.95 } = options
  const at = (numbers: ArrayLike<number>, t: number): number => numbers[t] ?? 0
  const advantages = new Float64Array(logProbs.length)
  for (let t = advantages.length - 1; t >= 0; t--) {
    const penalty = klCoefficient * (at(logProbs, t) - at(referenceLogProbs, t))
    const reward = (t === advantages.length - 1 ? score : 0) - penalty
    const delta = reward + gamma * at(values, t + 1) - at(values, t)
    advantages[t] = delta + gamma * lambda * at(advantages, t + 1)
  }
  return advantages
}
