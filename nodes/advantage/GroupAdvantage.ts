/**
 * The advantage of each candidate in its group of k:
 *
 *     r_i = f(x_i)                 f the identity, or softmax over the group: exp(x_i / T) / sum_j exp(x_j / T)
 *     A_i = r_i - (1/k) sum_j r_j  divided by the unbiased standard deviation of r where the group is standardised
 *     w_i = scale * A_i
 *
 * A group whose rewards are all equal has advantages of exactly 0.
 */
import { mean, variance } from "../statistics/Moments.ts"

export interface AdvantageOptions {
  readonly mapping: "identity" | "softmax"
  readonly softmax_temperature: number
  readonly standardise: boolean
  readonly weight_scale: number
}

export interface Advantage {
  readonly reward: number
  readonly baseline: number
  readonly advantage: number
  readonly weight: number
}

export const groupAdvantages = (
  values: ReadonlyArray<number>,
  options: AdvantageOptions
): ReadonlyArray<Advantage> => {
  const rewards = options.mapping === "identity" ? values : softmax(values, options.softmax_temperature)
  const baseline = mean(rewards)
  // The mean of equal numbers may differ from them by rounding, which standardising would blow up.
  const equal = rewards.every((reward) => reward === rewards[0])
  const scale = options.standardise && !equal ? 1 / Math.sqrt(variance(rewards)) : 1
  return rewards.map((reward) => {
    const advantage = equal ? 0 : (reward - baseline) * scale
    return { reward, baseline, advantage, weight: options.weight_scale * advantage }
  })
}

const softmax = (values: ReadonlyArray<number>, temperature: number): ReadonlyArray<number> => {
  const largest = Math.max(...values)
  const exponentials = values.map((value) => Math.exp((value - largest) / temperature))
  const total = exponentials.reduce((sum, value) => sum + value, 0)
  return exponentials.map((value) => value / total)
}
