import { expect, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { GenerateRequest, Generation, Prompt } from "../../../../runtime/policy/Policy.ts"
import { checkpointPath, reference } from "../reference.ts"

const prompts: ReadonlyArray<Prompt> = reference("untied-gqa").greedy.map(({ prompt }, index) => ({
  id: `prompt ${index}`,
  tokens: Int32Array.from(prompt)
}))
const request: GenerateRequest = { prompts, candidates: 3, temperature: 1, topP: 1, maxNewTokens: 50, seed: 7 }
const policyWith = (limits: { readonly runTokens?: number; readonly rows?: number }) =>
  openPolicy(checkpointPath("untied-gqa"), "cpu", limits)

layer(Sessions.layer)("runs of a batch", (it) => {
  for (const runTokens of [16, 32, 48]) {
    it.effect(`a generation cut every ${runTokens} tokens gives the same bits as one that is not`, () =>
      Effect.gen(function*() {
        for (const rows of [128, 6]) {
          const whole = yield* (yield* policyWith({ runTokens: Infinity, rows })).generate(request)
          expect(whole.some(({ tokens }) => tokens.length === 50)).toBe(true)
          expect(yield* (yield* policyWith({ runTokens, rows })).generate(request)).toEqual(whole)
        }
      }))
  }

  it.effect("progress is told after each run, grows, and ends with all candidates", () =>
    Effect.gen(function*() {
      const told: Array<readonly [number, number]> = []
      const policy = yield* policyWith({ runTokens: 16 })
      yield* policy.generate({
        ...request,
        prompts: prompts.slice(0, 2),
        onProgress: (done, total) => Effect.sync(() => told.push([done, total]))
      })
      // 6 candidates after 16, 32, 48 and 50 of 50 tokens.
      expect(told).toEqual([[1, 6], [3, 6], [5, 6], [6, 6]])
    }))

  it.effect("runs after the last candidate has ended are left out", () =>
    Effect.gen(function*() {
      const policy = yield* policyWith({ runTokens: 16 })
      const told: Array<number> = []
      const hot = { ...request, temperature: 1.5, candidates: 1 }
      let seed = 0
      const [alone] = yield* Effect.gen(function*() {
        told.length = 0
        return yield* policy.generate({
          ...hot,
          prompts: prompts.slice(0, 1),
          seed: seed++,
          onProgress: (done) => Effect.sync(() => told.push(done))
        })
      }).pipe(Effect.repeat({ until: ([only]) => only?.finished === true && only.tokens.length < 30 }))
      expect(told.length).toBe(Math.ceil((alone?.tokens.length ?? 0) / 16))
      expect(told.at(-1)).toBe(1)
    }))

  it.effect("interrupted between runs it stops there, and the policy generates as before", () =>
    Effect.gen(function*() {
      const policy = yield* policyWith({ runTokens: 16 })
      const expected = yield* policy.generate(request)
      const first = yield* Deferred.make<void>()
      let told = 0
      const fiber = yield* Effect.forkChild(policy.generate({
        ...request,
        onProgress: () => {
          told++
          return Effect.andThen(Deferred.succeed(first, undefined), Effect.never)
        }
      }))
      yield* Deferred.await(first)
      yield* Fiber.interrupt(fiber)
      expect(told).toBe(1)
      expect(yield* policy.generate(request)).toEqual(expected)
    }))

  it.effect("two generations at once on one policy do not disturb each other", () =>
    Effect.gen(function*() {
      const policy = yield* policyWith({ runTokens: 16 })
      const other = { ...request, seed: 8 }
      const alone: Array<ReadonlyArray<Generation>> = []
      for (const one of [request, other]) alone.push(yield* policy.generate(one))
      const together = yield* Effect.all([policy.generate(request), policy.generate(other)], { concurrency: 2 })
      expect(together).toEqual(alone)
    }))
})
