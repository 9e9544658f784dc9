/**
 * The outputs of a mapped node's partitions, in order, for those who read them while the node is still computing. They may
 * be finished in any order.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

export interface PartitionStream {
  /** Gives the output of a partition. A position that is given again keeps its first output. */
  readonly publish: (position: number, digest: string) => Effect.Effect<void>
  /** Says that no more will come: all are there, or the node failed. */
  readonly end: Effect.Effect<void>
  /** Waits for the output at a position; undefined when none comes. */
  readonly at: (position: number) => Effect.Effect<string | undefined>
}

export const partitionStream = (): PartitionStream => {
  const pieces = new Map<number, string>()
  let ended = false
  let changed = Deferred.makeUnsafe<void>()

  const change = (apply: () => void) =>
    Effect.sync(() => {
      apply()
      const before = changed
      changed = Deferred.makeUnsafe<void>()
      Deferred.doneUnsafe(before, Effect.void)
    })

  const at = (position: number): Effect.Effect<string | undefined> =>
    Effect.suspend(() => {
      const piece = pieces.get(position)
      if (piece !== undefined || ended) return Effect.succeed(piece)
      return Effect.andThen(Deferred.await(changed), Effect.suspend(() => at(position)))
    })

  return {
    publish: (position, digest) =>
      change(() => {
        if (!pieces.has(position)) pieces.set(position, digest)
      }),
    end: change(() => {
      ended = true
    }),
    at
  }
}
