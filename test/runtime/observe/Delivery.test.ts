import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { delivery, NotDelivered } from "../../../runtime/observe/Delivery.ts"

const failing = (passing: boolean) => {
  const attempts: Array<ReadonlyArray<number>> = []
  const send = (items: ReadonlyArray<number>) =>
    Effect.suspend(() => {
      attempts.push(items)
      return new NotDelivered({ reason: `attempt ${attempts.length}`, passing })
    })
  return { attempts, destination: { name: "nowhere", batch: 2, send } }
}

describe("a delivery", () => {
  it.effect("does not ask a destination that is away again and again for each item", () =>
    Effect.gen(function*() {
      const { attempts, destination } = failing(true)
      const made = yield* delivery(destination)
      for (let item = 0; item < 100; item++) made.hand(item)
      const finished = yield* Effect.forkChild(made.finish("1 hour"))
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.join(finished)).toEqual({ handed: 100, lost: 100, reason: "attempt 5" })
      // Five for the first two items, then one for each further two.
      expect(attempts).toHaveLength(5 + 49)
    }).pipe(Effect.scoped))

  it.effect("offers what is refused once", () =>
    Effect.gen(function*() {
      const { attempts, destination } = failing(false)
      const made = yield* delivery(destination)
      for (let item = 0; item < 4; item++) made.hand(item)
      expect(yield* made.finish("1 hour")).toEqual({ handed: 4, lost: 4, reason: "attempt 1" })
      expect(attempts).toHaveLength(2)
    }).pipe(Effect.scoped))

  it.effect("goes on in order after a destination was away", () =>
    Effect.gen(function*() {
      const sent: Array<number> = []
      let attempts = 0
      const made = yield* delivery<number>({
        name: "back soon",
        batch: 1,
        send: (items) =>
          Effect.suspend(() =>
            attempts++ < 3
              ? new NotDelivered({ reason: "away", passing: true })
              : Effect.sync(() => void sent.push(...items))
          )
      })
      for (let item = 0; item < 10; item++) made.hand(item)
      const finished = yield* Effect.forkChild(made.finish("1 hour"))
      yield* TestClock.adjust("1 minute")
      expect((yield* Fiber.join(finished)).lost).toBe(0)
      expect(sent).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    }).pipe(Effect.scoped))

  it.effect("waits no longer than it is given, and lets what waits be bounded", () =>
    Effect.gen(function*() {
      const made = yield* delivery<number>({ name: "silent", batch: 1, send: () => Effect.never })
      for (let item = 0; item < 60_000; item++) made.hand(item)
      const finished = yield* Effect.forkChild(made.finish("2 seconds"))
      yield* TestClock.adjust("2 seconds")
      const { lost, reason } = yield* Fiber.join(finished)
      expect(lost).toBe(60_000)
      expect(reason).toBe("too many waited to be sent")
    }).pipe(Effect.scoped))
})
