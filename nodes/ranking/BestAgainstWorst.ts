/**
 * The i-th best of a group with its i-th worst, for i up to `pairs` and up to the middle, where the two would meet.
 *
 * @param place lower is better; equal ones keep their order.
 */
export const bestAgainstWorst = <A>(
  group: ReadonlyArray<A>,
  place: (member: A) => number,
  pairs: number
): ReadonlyArray<readonly [best: A, worst: A]> => {
  const order = group.toSorted((a, b) => place(a) - place(b))
  return order.slice(0, Math.min(pairs, Math.floor(order.length / 2))).flatMap((best, index) => {
    const worst = order.at(-1 - index)
    return worst === undefined ? [] : [[best, worst] as const]
  })
}
