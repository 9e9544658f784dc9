/** The best and the worst candidates of a group, `pairs` of each: what "CF + DPO" trains on. All of them when k <= 2 pairs. */
export const topBottom = <A extends { readonly rank: number }>(
  group: ReadonlyArray<A>,
  pairs: number
): ReadonlyArray<A> => {
  const order = group.map(({ rank }) => rank).toSorted((a, b) => a - b)
  const kept = new Set([...order.slice(0, pairs), ...order.slice(-pairs)])
  return group.filter(({ rank }) => kept.has(rank))
}
