/** What the log-probs of a pair's two responses say about which the policy prefers. */

/**
 * The columns of one pair, from the log-prob of each response token, in nats:
 *
 *     margin           = beta * (sum_t log pi(a+_t) - sum_t log pi(a-_t))
 *     margin_per_token = beta * (mean_t log pi(a+_t) - mean_t log pi(a-_t))
 *
 * A margin of exactly 0, as of two equal responses, is no preference and not correct.
 */
export const preferenceMargin = (chosen: Float32Array, rejected: Float32Array, beta: number) => {
  const chosen_log_prob = sum(chosen)
  const rejected_log_prob = sum(rejected)
  const margin = beta * (chosen_log_prob - rejected_log_prob)
  const margin_per_token = beta * (chosen_log_prob / chosen.length - rejected_log_prob / rejected.length)
  return {
    chosen_log_prob,
    rejected_log_prob,
    chosen_tokens: chosen.length,
    rejected_tokens: rejected.length,
    margin,
    margin_per_token,
    correct: margin > 0,
    correct_per_token: margin_per_token > 0
  }
}

// In double precision, so that the order of the tokens does not decide a close pair.
const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0)
