import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest } from "../../../../runtime/policy/Policy.ts"
import { checkpointPath, families, reference, relativeDifference, sequences, type Summaries } from "../reference.ts"

/** A folder that ends with the test. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-families-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Trains, saves and reads back: each step's numbers, and the weights by name. */
const trained = Effect.fnUntraced(function*(name: string, request: TrainRequest) {
  const policy = yield* openPolicy(checkpointPath(name), "cpu")
  const { save, steps } = yield* policy.train(request)
  const directory = join(yield* temporary, "trained")
  yield* save(directory)
  return { steps, weights: yield* weightsOf(directory) }
})

const weightsOf = Effect.fnUntraced(function*(directory: string) {
  const weights = yield* (yield* openCheckpoint(directory)).load
  return new Map([...weights].map(([name, value]) => [name, toNumbers(value)]))
})

const expectNear = (tensors: ReadonlyMap<string, ArrayLike<number>>, expected: Summaries) => {
  expect([...tensors.keys()].toSorted()).toEqual(Object.keys(expected).toSorted())
  for (const [tensor, summary] of Object.entries(expected)) {
    const difference = relativeDifference(tensors.get(tensor) ?? [], summary)
    expect(difference, `${tensor} differs by ${difference}`).toBeLessThan(1e-4)
  }
}

layer(Sessions.layer)("training of every family", (it) => {
  describe.each(families)("%s", (name) => {
    const expected = reference(name)
    const all = sequences(expected).map(weightedItem)

    it.effect("ten steps give the losses, gradient norms and weights of PyTorch's AdamW", () =>
      Effect.gen(function*() {
        const { training } = expected
        const { steps, weights } = yield* trained(name, {
          ...training,
          objective: weightedNll,
          steps: training.steps.map(({ batch }) => batch.flatMap((index) => all[index] ?? []))
        })
        expect(steps.length).toBe(training.steps.length)
        steps.forEach(({ gradNorm, loss }, index) => {
          const step = training.steps[index]
          expect(Math.abs(loss / (step?.loss ?? 0) - 1)).toBeLessThan(1e-4)
          expect(Math.abs(gradNorm / (step?.gradNorm ?? 0) - 1)).toBeLessThan(1e-4)
        })
        expectNear(weights, training.tensors)
      }))

    it.effect("gradients are PyTorch's", () =>
      Effect.gen(function*() {
        // One step with betas 0 and a large epsilon moves each weight by rate * g / (|g| + epsilon), about g for a rate of epsilon.
        const epsilon = 1e6
        const { steps, weights } = yield* trained(name, {
          objective: weightedNll,
          steps: [all],
          learningRate: epsilon,
          schedule: "constant",
          warmupSteps: 0,
          weightDecay: 0,
          clip: 1e9,
          betas: [0, 0],
          epsilon
        })
        expect(Math.abs((steps[0]?.loss ?? 0) / expected.gradient.loss - 1)).toBeLessThan(1e-5)
        expect(Math.abs((steps[0]?.gradNorm ?? 0) / expected.gradient.norm - 1)).toBeLessThan(1e-5)
        const before = yield* weightsOf(checkpointPath(name))
        const moved = [...weights].map(([tensor, after]) =>
          [tensor, after.map((value, index) => (before.get(tensor)?.[index] ?? Number.NaN) - value)] as const
        )
        expectNear(new Map(moved), expected.gradient.tensors)
      }))
  })
})
