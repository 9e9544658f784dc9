import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { openAdapter, PREFIX } from "../../../../runtime/policy/adapter/Adapter.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest } from "../../../../runtime/policy/Policy.ts"
import { adapterNames, adapterPath, adapterReference } from "../adapterReference.ts"
import {
  checkpointPath,
  largestDifference,
  reference,
  relativeDifference,
  sequences,
  type Summaries
} from "../reference.ts"

/** A folder that ends with the test. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-adapter-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Trains the adapter of a fixture, saves it and reads it back. */
const trained = Effect.fnUntraced(function*(name: string, request: TrainRequest) {
  const policy = yield* openPolicy(checkpointPath(adapterReference(name).checkpoint), "cpu", {
    adapter: adapterPath(name)
  })
  const { format, save, steps } = yield* policy.train(request)
  expect(format).toBe("adapter")
  const directory = join(yield* temporary, "trained")
  yield* save(directory)
  expect(readdirSync(directory).toSorted()).toEqual(["adapter_config.json", "adapter_model.safetensors"])
  const { config, values } = yield* openAdapter(directory, policy.config)
  expect(config).toEqual(policy.adapter)
  return { steps, values: new Map([...values].map(([name, value]) => [`${PREFIX}${name}`, toNumbers(value)])) }
})

const expectNear = (tensors: ReadonlyMap<string, ArrayLike<number>>, expected: Summaries) => {
  expect([...tensors.keys()].toSorted()).toEqual(Object.keys(expected).toSorted())
  for (const [tensor, summary] of Object.entries(expected)) {
    const difference = relativeDifference(tensors.get(tensor) ?? [], summary)
    expect(difference, `${tensor} differs by ${difference}`).toBeLessThan(1e-4)
  }
}

const once = { schedule: "constant", warmupSteps: 0, weightDecay: 0, clip: 1e9 } as const

layer(Sessions.layer)("training an adapter", (it) => {
  describe.each(adapterNames)("%s", (name) => {
    const expected = adapterReference(name)
    const all = sequences(reference(expected.checkpoint)).map(weightedItem)

    it.effect("scores and generates as PEFT does", () =>
      Effect.gen(function*() {
        const policy = yield* openPolicy(checkpointPath(expected.checkpoint), "cpu", { adapter: adapterPath(name) })
        const scores = yield* policy.score({ sequences: sequences(reference(expected.checkpoint)) })
        scores.forEach(({ entropies, logProbs }, index) => {
          expect(largestDifference(logProbs, expected.scored[index]?.logProbs ?? [])).toBeLessThan(1e-4)
          expect(largestDifference(entropies, expected.scored[index]?.entropies ?? [])).toBeLessThan(1e-4)
        })
        const generations = yield* policy.generate({
          prompts: expected.greedy.map(({ prompt }, index) => ({ id: `${index}`, tokens: Int32Array.from(prompt) })),
          candidates: 1,
          temperature: 0,
          topP: 1,
          maxNewTokens: Math.max(...expected.greedy.map(({ tokens }) => tokens.length)),
          seed: 0
        })
        expect(generations.map(({ tokens }) => [...tokens])).toEqual(expected.greedy.map(({ tokens }) => tokens))
      }))

    it.effect("ten steps give the losses, gradient norms and factors of PyTorch's AdamW", () =>
      Effect.gen(function*() {
        const { training } = expected
        const { steps, values } = yield* trained(name, {
          ...training,
          objective: weightedNll,
          steps: training.steps.map(({ batch }) => batch.flatMap((index) => all[index] ?? []))
        })
        expect(steps.length).toBe(10)
        steps.forEach(({ gradNorm, loss }, index) => {
          const step = training.steps[index]
          expect(Math.abs(loss / (step?.loss ?? 0) - 1)).toBeLessThan(1e-4)
          expect(Math.abs(gradNorm / (step?.gradNorm ?? 0) - 1)).toBeLessThan(1e-4)
        })
        expectNear(values, training.tensors)
      }))

    it.effect("gradients of A and B are PyTorch's", () =>
      Effect.gen(function*() {
        const before = new Map(
          [
            ...(yield* openAdapter(
              adapterPath(name),
              (yield* openPolicy(checkpointPath(expected.checkpoint), "cpu")).config
            ))
              .values
          ].map(([name, value]) => [`${PREFIX}${name}`, toNumbers(value)])
        )
        // One step with betas 0 and a large epsilon moves each value by rate * g / (|g| + epsilon), about g for a rate of epsilon.
        const epsilon = 1e6
        const { steps, values } = yield* trained(name, {
          ...once,
          objective: weightedNll,
          steps: [all],
          learningRate: epsilon,
          betas: [0, 0],
          epsilon
        })
        expect(Math.abs((steps[0]?.loss ?? 0) / expected.gradient.loss - 1)).toBeLessThan(1e-5)
        expect(Math.abs((steps[0]?.gradNorm ?? 0) / expected.gradient.norm - 1)).toBeLessThan(1e-4)
        const moved = new Map(
          [...values].map(([name, after]) => [name, before.get(name)?.map((value, i) => value - (after[i] ?? 0)) ?? []])
        )
        expectNear(moved, expected.gradient.tensors)
      }))
  })
})
