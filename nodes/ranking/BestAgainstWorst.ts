/** The i-th best of a group with its i-th worst, for i up to `pairs` and up to the middle, where the two would meet. */
export const bestAgainstWorst = <A extends { readonly rank: number }>(
  group: ReadonlyArray<A>,
  pairs: number
): ReadonlyArray<readonly [best: A, worst: A]> => {
  const order = group.toSorted((a, b) => a.rank - b.rank)
  return order.slice(0, Math.min(pairs, Math.floor(order.length / 2))).flatMap((best, index) => {
    const worst = order.at(-1 - index)
    return worst === undefined ? [] : [[best, worst] as const]
  })
}
