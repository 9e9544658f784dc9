/**
 * The entropy score of one response, from the entropies H_1 ... H_n of its tokens and the start of its final-answer span:
 *
 *     H_final = mean of H_t over the span
 *     B       = (1/m) sum of the m largest H_t before the span     (over: "selected")
 *             = (1/n') sum of the m largest of the n' before it    (over: "all")
 *     S       = -final_weight * H_final + lambda * B
 *
 * The standard error of S takes the token entropies of each part as independent observations of that part's uncertainty:
 *
 *     se(H_final)^2 = s_final^2 / n_final,    s_final^2 = (sum over the span of (H_t - H_final)^2 + s^2) / n_final
 *
 * where s^2, the variance of all the response's entropies, stands in as one pseudo-observation, so that a span of one token
 * is not taken for certain; B likewise over its m tokens, scaled by m / n' where `over` is "all". Then
 * score_sd^2 = final_weight^2 se(H_final)^2 + lambda^2 se(B)^2. Choosing the largest entropies makes them less spread than
 * a random choice would be; that is not corrected for.
 */
import { mean, squaredDeviations, variance } from "../statistics/Moments.ts"
import { amountOf } from "./AmountOf.ts"

export interface ScoreOptions {
  readonly lambda: number
  readonly final_weight: number
  readonly top_m: number
  readonly rounding: "ceil" | "floor"
  readonly over: "selected" | "all"
}

export interface Score {
  readonly final_entropy: number
  readonly branching_entropy: number
  readonly score: number
  readonly score_sd: number
  /** m, the tokens that B averages; 0 when the span starts at the first token, and then B is 0. */
  readonly branch_tokens: number
}

/** Scores a response of at least one token; `start` is the index of the first token of the final-answer span. */
export const score = (entropies: Float32Array | Float64Array, start: number, options: ScoreOptions): Score => {
  const { final_weight, lambda } = options
  const before = entropies.slice(0, start)
  const span = entropies.slice(start)

  const m = amountOf(options.top_m, before.length, options.rounding)
  const selected = before.toSorted().slice(before.length - m)
  const scale = options.over === "selected" || m === 0 ? 1 : m / before.length

  const final_entropy = mean(span)
  const branching_entropy = m === 0 ? 0 : scale * mean(selected)
  const spread = variance(entropies)
  return {
    final_entropy,
    branching_entropy,
    score: -final_weight * final_entropy + lambda * branching_entropy,
    score_sd: Math.hypot(
      final_weight * standardError(span, spread),
      lambda * scale * standardError(selected, spread)
    ),
    branch_tokens: m
  }
}

/** Standard error of the mean, with the response's own variance as one more squared deviation; 0 for no tokens. */
const standardError = (values: Float32Array | Float64Array, spread: number): number =>
  values.length === 0 ? 0 : Math.sqrt((squaredDeviations(values) + spread) / values.length) / Math.sqrt(values.length)
