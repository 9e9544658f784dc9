/** Moments and order statistics of a sample. */

/** The sum, in double precision. */
export const sum = (values: ArrayLike<number>): number => {
  let sum = 0
  for (let index = 0; index < values.length; index++) sum += values[index] ?? Number.NaN
  return sum
}

/** The mean; NaN for an empty sample. */
export const mean = (values: ArrayLike<number>): number => sum(values) / values.length

/** sum_i (x_i - mean)^2. */
export const squaredDeviations = (values: ArrayLike<number>): number => {
  const centre = mean(values)
  let sum = 0
  for (let index = 0; index < values.length; index++) sum += ((values[index] ?? Number.NaN) - centre) ** 2
  return sum
}

/** The unbiased variance, with divisor n - 1; 0 for a sample of one, which shows no spread. */
export const variance = (values: ArrayLike<number>): number =>
  values.length < 2 ? 0 : squaredDeviations(values) / (values.length - 1)

/** The median: the middle value, or the mean of the two middle values; NaN for an empty sample. */
export const median = (values: ArrayLike<number>): number => quantile(values, 0.5)

/** The quantile at `share` in [0, 1], interpolated linearly between order statistics; NaN for an empty sample. */
export const quantile = (values: ArrayLike<number>, share: number): number => {
  const sorted = Float64Array.from(values).toSorted()
  const position = share * (sorted.length - 1)
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position - Math.floor(position))
}
