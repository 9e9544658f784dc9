/** What a rating model infers about one candidate: a Gaussian belief about its quality. */
export interface Rating {
  readonly mu: number
  readonly sigma: number
}

/**
 * rank_i = 1 + the number of j with mu_j > mu_i, or mu_j = mu_i and a lower candidate index: a complete ranking without ties.
 */
export const ranked = <A extends { readonly mu: number; readonly candidate: number }>(
  group: ReadonlyArray<A>
): ReadonlyArray<A & { readonly rank: number }> =>
  group.map((one) => ({
    ...one,
    rank: 1 +
      group.filter((other) => other.mu > one.mu || other.mu === one.mu && other.candidate < one.candidate).length
  }))
