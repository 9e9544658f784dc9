import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { ResourceLeases, TooFewResources } from "../../../runtime/execution/Resources.ts"

/** Somebody who takes a lease, in the order in which this is called, and holds it until told. */
const holder = (leases: ResourceLeases, amounts: Readonly<Record<string, number>>, granted: () => void) =>
  Effect.gen(function*() {
    const release = yield* Deferred.make<void>()
    const fiber = yield* Effect.forkChild(
      Effect.scoped(Effect.gen(function*() {
        yield* leases.lease(amounts)
        granted()
        yield* Deferred.await(release)
      })),
      { startImmediately: true }
    )
    return { fiber, end: Effect.andThen(Deferred.succeed(release, undefined), Fiber.join(fiber)) }
  })

const amount = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 }))
const Requests = Schema.Array(Schema.Struct({ api: amount, memory: amount, leaves: Schema.Boolean })).check(
  Schema.isMaxLength(30)
)

describe("leases on resources", () => {
  it.effect.prop(
    "never exceed the limit, are granted in order to who wants the same, and to everybody",
    { requests: Requests },
    ({ requests }) =>
      Effect.gen(function*() {
        const leases = new ResourceLeases({ api: 4, memory: 5 })
        const held = new Set<number>()
        const granted: Array<number> = []
        const gone = new Set<number>()
        const sum = (name: "api" | "memory") =>
          [...held].reduce((sum, index) => sum + (requests[index]?.[name] ?? 0), 0)
        const check = () => {
          expect(sum("api")).toBeLessThanOrEqual(4)
          expect(sum("memory")).toBeLessThanOrEqual(5)
        }
        const holders: Array<{ readonly fiber: Fiber.Fiber<void>; readonly end: Effect.Effect<unknown> }> = []
        for (const [index, { api, memory }] of requests.entries()) {
          // What is not asked for is not waited for.
          const asked = { ...(api > 0 ? { api } : {}), ...(memory > 0 ? { memory } : {}) }
          holders.push(
            yield* holder(leases, asked, () => {
              held.add(index)
              granted.push(index)
              check()
            })
          )
        }
        yield* Effect.yieldNow
        // Some give up waiting.
        for (const [index, { leaves }] of requests.entries()) {
          const waits = holders[index]
          if (!leaves || waits === undefined || held.has(index)) continue
          yield* Fiber.interrupt(waits.fiber)
          gone.add(index)
        }
        for (let ended = 0; ended < requests.length - gone.size; ended++) {
          yield* Effect.yieldNow
          const [next] = held
          if (next === undefined) throw new Error("somebody waits although nobody holds anything")
          held.delete(next)
          yield* holders[next]?.end ?? Effect.void
        }
        expect(granted.length).toBe(requests.length - gone.size)
        for (const name of ["api", "memory"] as const) {
          const order = granted.filter((index) => (requests[index]?.[name] ?? 0) > 0)
          expect(order).toEqual(order.toSorted((a, b) => a - b))
        }
      })
  )

  it.effect("let pass who needs nothing of what others wait for", () =>
    Effect.gen(function*() {
      const leases = new ResourceLeases({ api: 1, memory: 1 })
      const granted: Array<string> = []
      const take = (name: string, amounts: Readonly<Record<string, number>>) =>
        holder(leases, amounts, () => granted.push(name))
      const first = yield* take("first", { api: 1 })
      const second = yield* take("second", { api: 1 })
      const third = yield* take("third", { memory: 1 })
      const free = yield* take("free", { unlimited: 1000 })
      expect(granted).toEqual(["first", "third", "free"])
      yield* first.end
      yield* second.end
      yield* third.end
      yield* free.end
      expect(granted).toEqual(["first", "third", "free", "second"])
    }))

  it("are refused when they ask for more than there ever is", () => {
    const leases = new ResourceLeases({ api: 2, memory: 2 ** 34 })
    expect(leases.tooMuch({ api: 2, other: 9 })).toBe(undefined)
    expect(leases.tooMuch({ api: 3 })).toEqual({ resource: "api", asked: 3, limit: 2 })
    expect(new TooFewResources({ node: "fetch", resource: "api", asked: 3, limit: 2 }).message).toBe(
      "fetch asks for 3 of the resource api, and this run has 2. Let it have more with --resource api=3, or ask for less in "
        + "the node's resources."
    )
    expect(new TooFewResources({ node: "fit", resource: "memory", asked: 2 ** 36, limit: 2 ** 34 }).message).toBe(
      "fit asks for 64 GiB of memory, and this run has 16 GiB. Let it have more with --memory 64GiB, or ask for less in the "
        + "node's resources."
    )
  })

  it.effect("serve ten thousand in line without going through the line for each", () =>
    Effect.gen(function*() {
      const leases = new ResourceLeases({ jobs: 2 })
      let most = 0
      let now = 0
      yield* Effect.forEach(
        Array.from({ length: 10_000 }),
        () =>
          Effect.scoped(Effect.gen(function*() {
            yield* leases.lease({ jobs: 1 })
            most = Math.max(most, ++now)
            yield* Effect.yieldNow
            now--
          })),
        { concurrency: "unbounded", discard: true }
      )
      expect(most).toBe(2)
    }))
})
