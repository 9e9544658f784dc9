/** Whether two contestants did the same work, from what they show of it. */

export interface Agreement {
  readonly agrees: boolean
  /** What was compared and how far it is apart, for the report. */
  readonly says: string
}

/** Numbers that are equal to three digits: within 0.1 % of the larger. */
export const sameNumbers = (what: string, ours: ReadonlyArray<number>, theirs: ReadonlyArray<number>): Agreement => {
  const apart = ours.map((value, index) => {
    const other = theirs[index] ?? Number.NaN
    return Math.abs(value - other) / Math.max(Math.abs(value), Math.abs(other))
  })
  const most = apart.reduce((a, b) => Math.max(a, b), 0)
  return {
    agrees: ours.length === theirs.length && ours.length > 0 && apart.every((difference) => difference < 1e-3),
    says: `${ours.length} ${what} within ${most.toExponential(0)}`
  }
}

/**
 * Token sequences, nearly all of which are equal: where two tokens are equally likely to the last bits, the kernels' order
 * of summation decides, and all that follows differs.
 */
export const sameTokens = (
  what: string,
  ours: ReadonlyArray<ReadonlyArray<number>>,
  theirs: ReadonlyArray<ReadonlyArray<number>>
): Agreement => {
  const equal = ours.filter((tokens, index) => tokens.join() === (theirs[index] ?? []).join()).length
  return {
    agrees: ours.length === theirs.length && equal >= 0.9 * ours.length && ours.length > 0,
    says: `${equal} of ${ours.length} ${what} equal`
  }
}

export const all = (agreements: ReadonlyArray<Agreement>): Agreement => ({
  agrees: agreements.every(({ agrees }) => agrees),
  says: agreements.map(({ says }) => says).join(", ")
})
