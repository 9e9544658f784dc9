/** What one optimiser step says of a loss: its value, its metrics, and the gradient of every trained tensor. */
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readHeader } from "../../../../artifacts/Safetensors.ts"
import { toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { readWeights } from "../../../../runtime/policy/checkpoint/WeightFile.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { Objective, TrainItem } from "../../../../runtime/policy/train/Objective.ts"

/** A folder that ends with the test. */
export const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-loss-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** With betas 0 and a large epsilon a step moves each weight by rate g / (|g| + epsilon): about g, for a rate of epsilon. */
const EPSILON = 1e6
export const plainStep = {
  learningRate: EPSILON,
  schedule: "constant",
  warmupSteps: 0,
  weightDecay: 0,
  clip: 1e9,
  betas: [0, 0],
  epsilon: EPSILON
} as const

/**
 * Trains one step on all items and saves to a folder.
 *
 * @param tokens the most padded tokens of a micro-batch: a small number cuts the step in several.
 * @param files the safetensors files to compare with those of the checkpoint, where it has them.
 */
export const gradientStep = Effect.fnUntraced(function*(
  checkpoint: string,
  objective: Objective,
  items: ReadonlyArray<TrainItem>,
  { files = ["model.safetensors"], tokens = 4096 } = {}
) {
  const policy = yield* openPolicy(checkpoint, "cpu", { tokens })
  const { save, steps: [step] } = yield* policy.train({ objective, steps: [items], ...plainStep })
  const directory = join(yield* temporary, "trained")
  yield* save(directory)
  const gradients = new Map<string, ReadonlyArray<number>>()
  for (const file of files) {
    const before = yield* tensorsOf(join(checkpoint, file))
    for (const [name, after] of yield* tensorsOf(join(directory, file))) {
      const start = before.get(name)
      gradients.set(name, after.map((value, index) => (start?.[index] ?? Number.NaN) - value))
    }
  }
  return {
    loss: step?.loss ?? Number.NaN,
    gradNorm: step?.gradNorm ?? Number.NaN,
    metrics: step?.metrics ?? {},
    gradients
  }
})

export const tensorsOf = Effect.fnUntraced(function*(path: string) {
  const weights = yield* readWeights(yield* readHeader(path))
  return new Map([...weights].map(([name, value]) => [name, toNumbers(value)]))
})
