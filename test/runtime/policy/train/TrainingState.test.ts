import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { add } from "../../../../runtime/onnx/ops/Arithmetic.ts"
import { reduceSum } from "../../../../runtime/onnx/ops/Reduce.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest } from "../../../../runtime/policy/Policy.ts"
import type { Objective } from "../../../../runtime/policy/train/Objective.ts"
import { checkpointPath } from "../reference.ts"
import { continueFrom, stopAfter } from "./stopped.ts"
import { mixed, step, temporary, tensorsOf, TOKENS, trainAnew } from "./trainingRequests.ts"

/** Two steps on one program, for tests of what is read and not of what is computed. */
const brief = { ...mixed, steps: [step(0), step(0)] }

layer(Sessions.layer)("the state of a training", (it) => {
  const torn: ReadonlyArray<readonly [string, (folder: string) => void]> = [
    ["tensors are cut off", (folder) => truncateSync(join(folder, "state.safetensors"), 1000)],
    ["description is cut off", (folder) => truncateSync(join(folder, "training.json"), 40)]
  ]
  for (const [what, damage] of torn) {
    it.effect(`whose ${what} is not read: training begins again, and leaves a whole one`, () =>
      Effect.gen(function*() {
        const directory = yield* temporary
        yield* stopAfter(brief, directory, 1)
        damage(join(directory, "00000001"))
        expect((yield* continueFrom(brief, directory)).first).toBe(1)
        expect((yield* continueFrom(brief, directory)).first).toBe(undefined)
      }))
  }

  it.effect("of another request, or of another model, is not read", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      yield* stopAfter(brief, directory, 1)
      const others: ReadonlyArray<Partial<TrainRequest>> = [{ learningRate: 0.02 }, { seed: 3 }, {
        steps: [step(1), step(0)]
      }]
      for (const change of others) {
        const seen: Array<number> = []
        // Nothing is written, so that each finds the state of the first.
        const resume = { directory, everySteps: 100 }
        yield* trainAnew({ ...brief, ...change, resume, onStep: ({ step }) => Effect.sync(() => seen.push(step)) })
        expect(seen).toEqual([1, 2])
      }
      const other = yield* openPolicy(checkpointPath("tied-bf16"), "cpu")
      const { steps } = yield* other.train({ ...brief, resume: { directory, everySteps: 100 } })
      expect(steps.length).toBe(2)
      expect((yield* continueFrom(brief, directory)).first).toBe(2)
    }))

  it.effect("in a folder that cannot be made says so before the first step", () =>
    Effect.gen(function*() {
      const file = join(yield* temporary, "file")
      writeFileSync(file, "")
      const seen: Array<number> = []
      const error = yield* Effect.flip(trainAnew({
        ...brief,
        resume: { directory: join(file, "state"), everySteps: 1 },
        onStep: ({ step }) => Effect.sync(() => seen.push(step))
      }))
      expect(error.message).toMatch(
        /file\/state: cannot hold the state of a training \(.+\)\. Give a folder that can be/
      )
      expect(seen).toEqual([])
    }))
})

/** A loss whose items can be given a constant: not finite, it spoils the loss and no gradient. */
const withConstant: Objective = {
  name: "weighted-nll with a constant",
  sequencesPerItem: 1,
  reads: "responses",
  values: { weight: "sequence", constant: "item" },
  loss: (forward, values) => ({
    loss: add(weightedNll.loss(forward, values).loss, reduceSum(values("constant")))
  })
}

/** Finite in float64, and infinite in the float32 of a program. */
const boundless = 1e39

describe.each([
  { what: "one micro-batch", spoilt: { weight: [boundless], constant: 0 }, tokens: 4096 },
  { what: "several micro-batches", spoilt: { weight: [boundless], constant: 0 }, tokens: TOKENS },
  { what: "several micro-batches and a finite gradient", spoilt: { weight: [1], constant: boundless }, tokens: TOKENS }
])("a step of $what whose loss is not finite", ({ spoilt, tokens }) => {
  layer(Sessions.layer)((it) => {
    it.effect("is named, and the weights of the step before it are kept", () =>
      Effect.gen(function*() {
        const items = step(0, 1, 2, 3)
        const good = items.map((item) => ({ ...item, values: { ...item.values, constant: 0 } }))
        const bad = items.map((item) => ({ ...item, values: spoilt }))
        const request = { ...mixed, objective: withConstant, schedule: "constant" as const }
        const before = yield* trainAnew({ ...request, steps: [good, good] }, { tokens })
        const directory = yield* temporary
        const resume = { directory, everySteps: 100 }
        const error = yield* Effect.flip(trainAnew({ ...request, steps: [good, good, bad, good], resume }, { tokens }))
        expect(error.message).toMatch(/training stopped at step 3 of 4: the loss is (-?Infinity|NaN)/)
        expect(error.message).toContain(`The weights before that step are kept in ${directory}`)
        const kept = yield* tensorsOf(join(directory, "00000002", "state.safetensors"))
        const names = [...kept.keys()].filter((name) => !/^(moment|square)\./.test(name))
        expect(names.toSorted()).toEqual([...before.weights.keys()].toSorted())
        for (const [name, values] of before.weights) expect([name, kept.get(name)]).toEqual([name, values])
      }))
  })
})
