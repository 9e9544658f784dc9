import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { linearModules } from "../../../../runtime/policy/adapter/AdapterConfig.ts"
import { weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest } from "../../../../runtime/policy/Policy.ts"
import type { TrainItem } from "../../../../runtime/policy/train/Objective.ts"
import { continueFrom, stopAfter } from "./stopped.ts"
import { checkpoint, mixed, step, temporary, TOKENS, trainAnew } from "./trainingRequests.ts"

// Of several micro-batches at this many tokens.
const items = step(1, 2, 3, 4)
const evaluated: TrainRequest = { ...mixed, evaluate: { objective: weightedNll, items, everySteps: 4 } }

/** - sum_i w_i log pi of the items, by scoring. */
const lossOf = Effect.fnUntraced(function*(directory: string, items: ReadonlyArray<TrainItem>, adapter?: string) {
  const policy = yield* openPolicy(directory, "cpu", { tokens: TOKENS, ...(adapter !== undefined && { adapter }) })
  const scores = yield* policy.score({ sequences: items.flatMap(({ sequences }) => sequences) })
  return -scores.reduce((sum, { logProbs }, index) => {
    const weight = items[index]?.values["weight"]
    return sum + Number(weight) * logProbs.reduce((total, value) => total + value, 0)
  }, 0)
}, Effect.scoped)

layer(Sessions.layer)("evaluations of a training", (it) => {
  it.effect("come before, in between and after, of the weights as they then are", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpoint, "cpu", { tokens: TOKENS })
      const { evaluations, save } = yield* policy.train(evaluated)
      expect(evaluations.map(({ step }) => step)).toEqual([0, 4, 6])
      const directory = `${yield* temporary}/trained`
      yield* save(directory)
      expect(evaluations[0]?.loss).toBeCloseTo(yield* lossOf(checkpoint, items), 4)
      expect(evaluations[2]?.loss).toBeCloseTo(yield* lossOf(directory, items), 4)
      expect(evaluations[2]?.loss).not.toBeCloseTo(evaluations[0]?.loss ?? 0, 2)
    }))

  it.effect("change no bit of it, and are the same where it was stopped", () =>
    Effect.gen(function*() {
      const without = yield* trainAnew(mixed)
      const whole = yield* trainAnew(evaluated)
      expect(whole.steps).toEqual(without.steps)
      expect(whole.bytes.equals(without.bytes)).toBe(true)
      const directory = yield* temporary
      yield* stopAfter(evaluated, directory, 4)
      const resumed = yield* continueFrom(evaluated, directory)
      expect(resumed.first).toBe(5)
      expect(resumed.evaluations).toEqual(whole.evaluations)
      expect(resumed.bytes.equals(whole.bytes)).toBe(true)
    }))

  it.effect("that are beyond all numbers do not keep a training from going on", () =>
    Effect.gen(function*() {
      // In float32 the product of weight and negative log-prob overflows.
      const beyond = step(1).map((item) => ({ ...item, values: { weight: [3e38] } }))
      const request = { ...evaluated, evaluate: { objective: weightedNll, items: beyond, everySteps: 4 } }
      const directory = yield* temporary
      yield* stopAfter(request, directory, 4)
      const { evaluations, first } = yield* continueFrom(request, directory)
      expect(first).toBe(5)
      expect(evaluations.map(({ loss }) => loss)).toEqual([Infinity, Infinity, Infinity])
    }))

  it.effect("have no dropout, and are shared by several workers", () =>
    Effect.gen(function*() {
      const { config } = yield* openPolicy(checkpoint, "cpu")
      const modules = linearModules(config, ["q_proj", "v_proj"])
      const adapter = { rank: 2, alpha: 4, rankStabilised: false, dropout: 0.5, modules }
      const policy = yield* openPolicy(checkpoint, ["cpu", "cpu"], { tokens: TOKENS })
      const { evaluations, save } = yield* policy.train({ ...evaluated, adapter })
      const directory = `${yield* temporary}/adapter`
      yield* save(directory)
      expect(evaluations[2]?.loss).toBeCloseTo(yield* lossOf(checkpoint, items, directory), 4)
    }))

  it.effect("are refused where they could not be made", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpoint, "cpu")
      const ask = (evaluate: TrainRequest["evaluate"]) =>
        Effect.map(Effect.flip(policy.train({ ...mixed, ...(evaluate && { evaluate }) })), ({ message }) => message)
      expect(yield* ask({ objective: weightedNll, items: [], everySteps: 1 })).toContain("evaluate.items is empty")
      expect(yield* ask({ objective: weightedNll, items, everySteps: 0 })).toContain("evaluate.everySteps is 0")
    }))
})
