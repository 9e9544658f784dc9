/** Cuts a training step so that each of several workers has its part of it. */

/**
 * Batches for a number of workers: as many for each as the limit makes necessary for one, and no batch longer than
 * it has to be for that.
 *
 * @param within batches of at most so many padded tokens; of fewer tokens, there are never fewer batches.
 * @param most what memory allows.
 */
export const evenBatches = <Batch>(
  within: (tokens: number) => ReadonlyArray<Batch>,
  most: number,
  workers: number
): ReadonlyArray<Batch> => {
  const fewest = within(most)
  if (workers === 1) return fewest
  const wanted = Math.ceil(fewest.length / workers) * workers
  let [enough, tooFew] = [Math.max(1, Math.floor(most)), 0]
  while (enough - tooFew > 1) {
    const middle = Math.floor((enough + tooFew) / 2)
    if (within(middle).length <= wanted) enough = middle
    else tooFew = middle
  }
  return within(enough)
}

/**
 * Which worker does which of some pieces, by index: the most expensive first, each to the worker that has least to do. The
 * same pieces are always shared alike, so that sums over workers are always made in the same order.
 */
export const shares = (costs: ReadonlyArray<number>, workers: number): ReadonlyArray<ReadonlyArray<number>> => {
  const share = Array.from({ length: workers }, () => ({ cost: 0, pieces: Array<number>() }))
  const costOf = (piece: number) => costs[piece] ?? 0
  for (const piece of costs.map((_, index) => index).toSorted((a, b) => costOf(b) - costOf(a) || a - b)) {
    const freest = share.reduce((best, one) => one.cost < best.cost ? one : best)
    freest.cost += costOf(piece)
    freest.pieces.push(piece)
  }
  return share.map(({ pieces }) => pieces.toSorted((a, b) => a - b))
}
