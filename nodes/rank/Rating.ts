/** What a rating model infers about one candidate: a Gaussian belief about its quality. */
export interface Rating {
  readonly mu: number
  readonly sigma: number
}

/**
 * rank_i = 1 + the number of j with mu_j > mu_i, or mu_j = mu_i and a lower candidate index: a complete ranking without ties.
 * Mus that agree to nine decimals are equal: iteration leaves equal evidence apart in about the twelfth.
 */
export const ranked = <A extends { readonly mu: number; readonly candidate: number }>(
  group: ReadonlyArray<A>
): ReadonlyArray<A & { readonly rank: number }> => {
  const comparable = ({ mu }: A) => Math.round(mu * 1e9)
  const isBetter = (a: A, b: A) =>
    comparable(a) > comparable(b) || comparable(a) === comparable(b) && a.candidate < b.candidate
  return group.map((one) => ({ ...one, rank: 1 + group.filter((other) => isBetter(other, one)).length }))
}
