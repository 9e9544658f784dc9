import { describe, expect, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import { attempts, type FailedAttempt } from "../../../runtime/execution/Attempts.ts"
import { nodePolicy } from "../../../runtime/execution/NodePolicy.ts"

/** Tries work that fails so often, and tells what happened in how long. */
const tried = (
  failures: number,
  policy: { readonly retries: number; readonly timeout?: Duration.Duration },
  takes: Duration.Input = 0
) =>
  Effect.gen(function*() {
    const told: Array<FailedAttempt> = []
    let count = 0
    const work = Effect.suspend(() => {
      count++
      return count <= failures ? Effect.fail(new Error(`failure ${count}`)) : Effect.succeed(count)
    }).pipe(Effect.delay(takes))
    const fiber = yield* Effect.forkChild(Effect.exit(attempts(
      "fetch",
      { delay: Duration.seconds(1), timeout: undefined, ...policy },
      (failed) => Effect.sync(() => told.push(failed)),
      work
    )))
    yield* TestClock.adjust("1 hour")
    return { exit: yield* Fiber.join(fiber), told, count }
  })

describe("attempts at a node", () => {
  it.effect("are one, when nothing else is said", () =>
    Effect.gen(function*() {
      const { count, exit, told } = yield* tried(1, { retries: 0 })
      expect([count, told]).toEqual([1, []])
      expect(Exit.isFailure(exit)).toBe(true)
    }))

  it.effect("are made again until one succeeds, with pauses that double, a fifth more or less", () =>
    Effect.gen(function*() {
      const { exit, told } = yield* tried(3, { retries: 5 })
      expect(exit).toEqual(Exit.succeed(4))
      expect(told.map(({ attempt, message, of }) => [attempt, of, message])).toEqual([
        [1, 6, "Error: failure 1"],
        [2, 6, "Error: failure 2"],
        [3, 6, "Error: failure 3"]
      ].map(([attempt, of, message]) => [attempt, of, expect.stringContaining(String(message))]))
      told.forEach(({ delayMs }, index) => {
        expect(delayMs).toBeGreaterThanOrEqual(800 * 2 ** index)
        expect(delayMs).toBeLessThanOrEqual(1200 * 2 ** index)
      })
    }))

  it.effect("end with the last failure", () =>
    Effect.gen(function*() {
      const { count, exit } = yield* tried(9, { retries: 2 })
      expect(count).toBe(3)
      expect(String(exit)).toContain("failure 3")
    }))

  it.effect("are ended by the timeout, in a sentence, and made again", () =>
    Effect.gen(function*() {
      const { count, exit, told } = yield* tried(0, { retries: 1, timeout: Duration.minutes(10) }, "11 minutes")
      // Each was interrupted before it came to count.
      expect(count).toBe(0)
      expect(told.map(({ attempt, of }) => [attempt, of])).toEqual([[1, 2]])
      expect(told[0]?.message).toBe(
        "it took longer than 10m, the timeout of fetch. Give it more time in its timeout, or less to do."
      )
      expect(Exit.isFailure(exit)).toBe(true)
    }))

  it.effect("stop when the run is interrupted", () =>
    Effect.gen(function*() {
      const told: Array<FailedAttempt> = []
      const fiber = yield* Effect.forkChild(attempts(
        "fetch",
        { retries: 5, delay: Duration.seconds(1), timeout: undefined },
        (failed) => Effect.sync(() => told.push(failed)),
        Effect.never
      ))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.interrupt(fiber)
      expect(told).toEqual([])
    }))
})

describe("what a node demands", () => {
  const demands = { retry: undefined, timeout: undefined, resources: {} }

  it("is read with its units", () => {
    const policy = Result.getOrThrow(nodePolicy("fetch", {
      retry: { times: 3, delay: "2 seconds" },
      timeout: "10 minutes",
      resources: { memory: "1.5 GiB", api: 2, disk: "3kb", nothing: 0 }
    }))
    expect(policy.resources).toEqual({ memory: 1.5 * 2 ** 30, api: 2, disk: 3000 })
    expect(policy.attempts.retries).toBe(3)
    expect(Duration.toMillis(policy.attempts.delay)).toBe(2000)
    expect(policy.attempts.timeout && Duration.toMillis(policy.attempts.timeout)).toBe(600_000)
    expect(Result.getOrThrow(nodePolicy("fetch", demands, 7)).attempts.retries).toBe(7)
  })

  it.each([
    [
      { ...demands, resources: { memory: "much" } },
      `fetch: its option resources.memory is "much"; give a number, or bytes`
    ],
    [{ ...demands, retry: { times: -1 } }, "fetch: its option retry.times is -1; give a whole number"],
    [{ ...demands, timeout: 0 }, `fetch: its option timeout is 0; give a duration, e.g. "10 minutes".`]
  ])("is refused where it says nothing", (wrong, message) => {
    const refused = nodePolicy("fetch", wrong)
    expect(Result.isFailure(refused) && refused.failure.message).toContain(message)
  })
})
