import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { chooseDevices, Devices } from "../../../runtime/execution/Devices.ts"

const withDevices = <A, E>(names: ReadonlyArray<string>, effect: Effect.Effect<A, E, Devices>) =>
  Effect.provide(effect, Layer.fresh(Devices.layer(names)))

describe("devices of a run", () => {
  it.effect("count the CPU as often as it is named, and a GPU once", () =>
    Effect.gen(function*() {
      expect(yield* chooseDevices([])).toEqual(["cpu"])
      expect(yield* chooseDevices(["cpu", "cpu"])).toEqual(["cpu", "cpu"])
      expect(yield* chooseDevices(["cuda:1", "cuda:0", "cuda:1"])).toEqual(["cuda:1", "cuda:0"])
    }))

  it.effect("are leased as particular workers, in the order they were named", () =>
    withDevices(
      ["cpu", "cpu", "cpu"],
      Effect.gen(function*() {
        const { lease } = yield* Devices
        const place = (worker: number) => ({ device: "cpu", worker, workers: 3 })
        yield* Effect.scoped(Effect.gen(function*() {
          expect(yield* lease(1)).toEqual([place(0)])
          yield* Effect.scoped(Effect.gen(function*() {
            expect(yield* lease(2)).toEqual([place(1), place(2)])
          }))
          expect(yield* lease(1)).toEqual([place(1)])
        }))
        expect(yield* Effect.scoped(lease(3))).toEqual([place(0), place(1), place(2)])
      })
    ))

  it.effect("are leased all or none, first come first served", () =>
    withDevices(
      ["cuda:0", "cuda:1"],
      Effect.gen(function*() {
        const { lease } = yield* Devices
        const order: Array<string> = []
        const release = yield* Deferred.make<void>()
        const node = (name: string, count: number, wait: Effect.Effect<void> = Effect.void) =>
          Effect.forkChild(
            Effect.scoped(Effect.gen(function*() {
              yield* lease(count)
              order.push(name)
              yield* wait
            })),
            { startImmediately: true }
          )
        const first = yield* node("one", 1, Deferred.await(release))
        // Two waits for both; the third could have the free one, and would keep two waiting.
        const second = yield* node("two", 2)
        const third = yield* node("three", 1)
        yield* Effect.yieldNow
        expect(order).toEqual(["one"])
        yield* Deferred.succeed(release, undefined)
        yield* Effect.forEach([first, second, third], Fiber.join)
        expect(order).toEqual(["one", "two", "three"])
      })
    ))

  it.effect("are not lost to who stops waiting", () =>
    withDevices(
      ["cpu", "cpu"],
      Effect.gen(function*() {
        const { lease } = yield* Devices
        yield* Effect.scoped(Effect.gen(function*() {
          yield* lease(1)
          const waiting = yield* Effect.forkChild(Effect.scoped(lease(2)), { startImmediately: true })
          yield* Fiber.interrupt(waiting)
          expect((yield* lease(1)).length).toBe(1)
        }))
        expect((yield* Effect.scoped(lease(2))).length).toBe(2)
      })
    ))
})
