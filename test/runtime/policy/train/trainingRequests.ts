/** Trainings for the tests of the core, on a tiny checkpoint. */
import * as Effect from "effect/Effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readHeader } from "../../../../artifacts/Safetensors.ts"
import type { Places } from "../../../../runtime/onnx/Place.ts"
import { toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { readWeights } from "../../../../runtime/policy/checkpoint/WeightFile.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest } from "../../../../runtime/policy/Policy.ts"
import { checkpointPath, reference, sequences } from "../reference.ts"

/** A folder that ends with the test. */
export const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-train-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

export const checkpoint = checkpointPath("untied-gqa")

const all = sequences(reference("untied-gqa")).map(weightedItem)

/** The reference's sequences of these indices, as the items of a step. */
export const step = (...indices: ReadonlyArray<number>) => indices.flatMap((index) => all[index] ?? [])

/** Padded tokens of a micro-batch: small enough that steps of several sequences are cut. */
export const TOKENS = 64

/** Six steps: of one and of several micro-batches, of equal shapes (the first two, the last two) and of others. */
export const mixed: TrainRequest = {
  objective: weightedNll,
  steps: [step(0), step(0), step(0, 1, 2, 3, 4), step(1, 2), step(3), step(3)],
  learningRate: 0.01,
  schedule: "cosine",
  warmupSteps: 2,
  weightDecay: 0.1,
  clip: 1,
  betas: [0.9, 0.95],
  epsilon: 1e-8
}

/** Trains a fresh policy: what its steps gave, and the file of weights that it saves, its bytes and its tensors. */
export const trainAnew = Effect.fnUntraced(function*(
  request: TrainRequest,
  { file = "model.safetensors", places = "cpu", tokens = TOKENS }: {
    readonly file?: string
    readonly places?: Places
    readonly tokens?: number
  } = {}
) {
  const policy = yield* openPolicy(checkpoint, places, { tokens })
  const { evaluations, save, steps } = yield* policy.train(request)
  const directory = join(yield* temporary, "trained")
  yield* save(directory)
  const path = join(directory, file)
  return { steps, evaluations, bytes: readFileSync(path), weights: yield* tensorsOf(path) }
}, Effect.scoped)

/** The tensors of a safetensors file, by name. */
export const tensorsOf = Effect.fnUntraced(function*(path: string) {
  const weights = yield* readWeights(yield* readHeader(path))
  return new Map([...weights].map(([name, value]) => [name, toNumbers(value)]))
})
