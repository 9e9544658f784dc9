/** How fast something counts up, smoothed, and how long the rest will take. */
export interface Rate {
  /** Takes note of a count. One that is smaller than the last begins anew. */
  readonly report: (done: number, at: number) => void
  /** Undefined until two counts are known. */
  readonly perSecond: () => number | undefined
  /** Milliseconds until `total` is reached, as seen at a time. */
  readonly remaining: (total: number, at: number) => number | undefined
}

/** Milliseconds after which an observation counts for a third of what it did. */
const memory = 15_000

/**
 * An exponentially weighted mean over time. What was there at the first report is not counted: it may have been made by an
 * earlier execution that this one continues.
 */
export const rate = (): Rate => {
  let last: { readonly done: number; readonly at: number } | undefined
  let latest = 0
  /** Sum of weighted rates (per millisecond), and of the weights. */
  let sum = 0
  let weight = 0
  /** By how much the last report was more than the one before. */
  let step = 0
  const perMillisecond = () => weight > 0 && sum > 0 ? sum / weight : undefined
  return {
    report: (done, at) => {
      latest = done
      if (last === undefined || done < last.done) {
        last = { done, at }
        sum = weight = step = 0
        return
      }
      const elapsed = at - last.at
      // Counted with the next report.
      if (elapsed <= 0 || done === last.done) return
      const share = 1 - Math.exp(-elapsed / memory)
      step = done - last.done
      sum += share * (step / elapsed - sum)
      weight += share * (1 - weight)
      last = { done, at }
    },
    perSecond: () => {
      const each = perMillisecond()
      return each === undefined ? undefined : each * 1000
    },
    remaining: (total, at) => {
      const each = perMillisecond()
      if (each === undefined || last === undefined) return undefined
      // Time passes between reports; but not more of it than one report brings, or a stalled node would be nearly done.
      const since = Math.min(at - last.at, step / each)
      return Math.max(0, (total - latest) / each - since)
    }
  }
}
