import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest } from "../../../../runtime/policy/Policy.ts"
import { checkpointPath, relativeDifference, type Summaries } from "../reference.ts"

/** A folder that ends with the test. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-families-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Trains, saves and reads back: each step's numbers, and the weights by name. */
export const trainedWeights = Effect.fnUntraced(function*(name: string, request: TrainRequest) {
  const policy = yield* openPolicy(checkpointPath(name), "cpu")
  const { save, steps } = yield* policy.train(request)
  const directory = join(yield* temporary, "trained")
  yield* save(directory)
  return { steps, weights: yield* weightsOf(directory) }
})

export const weightsOf = Effect.fnUntraced(function*(directory: string) {
  const weights = yield* (yield* openCheckpoint(directory)).load
  return new Map([...weights].map(([name, value]) => [name, toNumbers(value)]))
})

/** The same tensors, each within 1e-4 of its own size. */
export const expectNear = (tensors: ReadonlyMap<string, ArrayLike<number>>, expected: Summaries) => {
  expect([...tensors.keys()].toSorted()).toEqual(Object.keys(expected).toSorted())
  for (const [tensor, summary] of Object.entries(expected)) {
    const difference = relativeDifference(tensors.get(tensor) ?? [], summary)
    expect(difference, `${tensor} differs by ${difference}`).toBeLessThan(1e-4)
  }
}
