/** Who may execute a key now: one at a time, so that equal work is done once and the others take its result. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Work at a key. */
export interface Exclusive<Turn, A, E, R> {
  readonly keyDigest: string
  /** Waits until the work may begin: for a job, for devices. Ends with its scope, at the latest when the work does. */
  readonly turn: Effect.Effect<Turn, E, R | Scope.Scope>
  /** Begins with a look at what is stored: somebody else may have been at the key meanwhile. */
  readonly work: (turn: Turn) => Effect.Effect<A, E, R>
}

export interface Claims {
  /** Does the work while nobody else works at the key. Who waits for somebody else holds no turn meanwhile. */
  readonly exclusively: <Turn, A, E, R>(
    work: Exclusive<Turn, A, E, R>
  ) => Effect.Effect<A, E, Exclude<R, Scope.Scope>>
}

export const makeClaims = (): Claims => {
  /** Until when the keys are held. */
  const held = new Map<string, Deferred.Deferred<void>>()

  const claim = (keyDigest: string) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        if (held.has(keyDigest)) return undefined
        const ended = Deferred.makeUnsafe<void>()
        held.set(keyDigest, ended)
        return ended
      }),
      (ended) =>
        Effect.sync(() => {
          if (ended === undefined) return
          held.delete(keyDigest)
          Deferred.doneUnsafe(ended, Effect.void)
        })
    )

  return {
    exclusively: Effect.fnUntraced(function*<Turn, A, E, R>({ keyDigest, turn, work }: Exclusive<Turn, A, E, R>) {
      while (true) {
        const other = held.get(keyDigest)
        if (other !== undefined) {
          yield* Deferred.await(other)
          continue
        }
        const done = yield* Effect.scoped(Effect.gen(function*() {
          const taken = yield* turn
          const claimed = yield* claim(keyDigest)
          return claimed === undefined ? undefined : { value: yield* work(taken) }
        }))
        if (done !== undefined) return done.value
      }
    })
  }
}
