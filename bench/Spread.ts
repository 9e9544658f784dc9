/** Repeated measurements of one thing. */

/** Median, with smallest and largest. */
export const spread = (values: ReadonlyArray<number>, digits = 0): string => {
  const sorted = values.toSorted((a, b) => a - b)
  const show = (value: number | undefined) =>
    (value ?? Number.NaN).toLocaleString("en", { maximumFractionDigits: digits })
  return `${show(median(sorted))} (${show(sorted[0])} to ${show(sorted.at(-1))})`
}

/** The middle value. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** Seconds that a promise takes. */
export const seconds = async <A>(what: () => Promise<A>): Promise<readonly [number, A]> => {
  const start = performance.now()
  const value = await what()
  return [(performance.now() - start) / 1000, value]
}
