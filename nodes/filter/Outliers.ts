/**
 * Which values of a sample lie outside the rest.
 *
 * - `mad`: |x - median| > threshold * spread, with the median absolute deviation spread = 1.4826 median |x - median|, or,
 *   where more than half of the values are equal and that is 0, spread = 1.2533 mean |x - median|: both estimate the
 *   standard deviation of a normal sample (Iglewicz and Hoaglin 1993, who take a threshold of 3.5).
 * - `iqr`: further than threshold * (Q3 - Q1) below Q1 or above Q3 (Tukey 1977, with a threshold of 1.5).
 *
 * A rule by mean and standard deviation is left out on purpose: in a group of k = 5 no value can lie more than 1.79 standard
 * deviations from the mean, so that the usual threshold of 3 would never drop one.
 */
import { mean, median, quantile } from "../statistics/Moments.ts"

export type OutlierRule = "mad" | "iqr"

/** How far each value lies outside, in units of the rule's threshold: above 1 it is an outlier. */
export const outlyingness = (
  values: ReadonlyArray<number>,
  rule: OutlierRule,
  threshold: number
): ReadonlyArray<number> => rule === "mad" ? byDeviation(values, threshold) : byFences(values, threshold)

const byDeviation = (values: ReadonlyArray<number>, threshold: number): ReadonlyArray<number> => {
  const centre = median(values)
  const deviations = values.map((value) => Math.abs(value - centre))
  const spread = 1.4826 * median(deviations) || Math.sqrt(Math.PI / 2) * mean(deviations)
  return deviations.map((deviation) => inUnits(deviation, threshold * spread))
}

const byFences = (values: ReadonlyArray<number>, threshold: number): ReadonlyArray<number> => {
  const [low, high] = [quantile(values, 0.25), quantile(values, 0.75)]
  return values.map((value) => inUnits(Math.max(low - value, value - high, 0), threshold * (high - low)))
}

// A sample without spread has no outliers where every value agrees, and any other value is one.
const inUnits = (distance: number, unit: number): number =>
  distance === 0 ? 0 : unit === 0 ? Number.POSITIVE_INFINITY : distance / unit
