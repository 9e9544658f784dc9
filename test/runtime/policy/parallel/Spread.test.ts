import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import { spread } from "../../../../runtime/policy/parallel/Spread.ts"
import { tally } from "../../../../runtime/policy/parallel/Tally.ts"

describe("spread", () => {
  it.effect("gives each free worker the next piece, and results in the order of the pieces", () =>
    Effect.gen(function*() {
      const slow = yield* Latch.make()
      const done: Array<string> = []
      const results = yield* spread(["a", "b"], [0, 1, 2, 3, 4], (worker, piece) =>
        Effect.gen(function*() {
          // Worker a is stuck with its first piece until b has done all others.
          if (worker === "a") yield* slow.await
          yield* Effect.yieldNow
          done.push(`${worker}${piece}`)
          if (worker === "b" && piece === 0) yield* slow.open
          return piece * 10
        }))
      expect(results).toEqual([0, 10, 20, 30, 40])
      expect(done).toEqual(["b3", "b2", "b1", "b0", "a4"])
    }))

  it.effect("leaves workers alone that there is no piece for", () =>
    Effect.gen(function*() {
      const used = new Set<string>()
      yield* spread(["a", "b", "c"], [1, 2], (worker) =>
        Effect.andThen(
          Effect.sync(() => used.add(worker)),
          Effect.yieldNow
        ))
      expect(used).toEqual(new Set(["a", "b"]))
      expect(yield* spread(["a"], [], () => Effect.die("there is nothing to do"))).toEqual([])
    }))

  it.effect("stops all when one fails", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      let stopped = false
      const seen: Array<number> = []
      const exit = yield* spread(["a", "b"], [0, 1, 2, 3], (_, piece) => {
        seen.push(piece)
        return piece === 3
          ? Effect.andThen(Deferred.succeed(begun, undefined), Effect.never).pipe(
            Effect.onInterrupt(() => Effect.sync(() => stopped = true))
          )
          : Effect.andThen(Deferred.await(begun), Effect.fail("broken"))
      }).pipe(Effect.exit)
      expect(exit).toEqual(Exit.fail("broken"))
      expect(stopped).toBe(true)
      expect(seen).toEqual([3, 2])
    }))
})

describe("tally", () => {
  it.effect("adds up what the pieces report", () =>
    Effect.gen(function*() {
      const told: Array<readonly [number, number]> = []
      const { report } = tally(9, (done, total) => Effect.sync(() => told.push([done, total])))
      yield* report(0, 1.5)
      yield* report(1, 2.75)
      yield* report(0, 4)
      yield* report(1, 5)
      expect(told).toEqual([[1, 9], [4, 9], [6, 9], [9, 9]])
    }))
})
