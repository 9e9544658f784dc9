/** Adds up the progress of work that is done in several places at once. */
import * as Effect from "effect/Effect"
import type { OnProgress } from "../Policy.ts"

export interface Tally {
  /** Reports that so much of a piece is done, which replaces what was reported of that piece before. */
  readonly report: (piece: number, done: number) => Effect.Effect<void>
}

/** Tells the sum over all pieces, in whole units; it never falls while no piece's own does. */
export const tally = (total: number, onProgress: OnProgress = () => Effect.void): Tally => {
  const done = new Map<number, number>()
  return {
    report: (piece, amount) =>
      Effect.suspend(() => {
        done.set(piece, amount)
        return onProgress(Math.floor([...done.values()].reduce((sum, one) => sum + one, 0)), total)
      })
  }
}
