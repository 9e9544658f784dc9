/**
 * A training that was stopped, on disk: weights and moments after its last step, and what the steps gave. Continuing from it
 * gives the weights that an uninterrupted training gives, bit for bit on the CPU.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { createHash, randomUUID } from "node:crypto"
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Safetensors from "../../../artifacts/Safetensors.ts"
import type { TensorData } from "../../onnx/TensorData.ts"
import { CheckpointError } from "../checkpoint/CheckpointError.ts"
import { readWeights } from "../checkpoint/WeightFile.ts"
import type { Evaluation, TrainRequest, TrainStep } from "../Policy.ts"

export interface TrainingState {
  /** Of the request it belongs to. */
  readonly digest: string
  readonly steps: ReadonlyArray<TrainStep>
  readonly evaluations: ReadonlyArray<Evaluation>
  /** Weights and moments by the names of their inputs. */
  readonly state: ReadonlyMap<string, TensorData>
}

/** JSON has no infinities and no NaN, which a metric, or the loss of held-out items, may be. */
const Written = Schema.Union([Schema.Finite, Schema.Literals(["Infinity", "-Infinity", "NaN"])]).pipe(
  Schema.decodeTo(
    Schema.Number,
    SchemaTransformation.transform({
      decode: Number,
      encode: (value) => Number.isFinite(value) ? value : value > 0 ? "Infinity" : value < 0 ? "-Infinity" : "NaN"
    })
  )
)
const Metrics = Schema.Record(Schema.String, Written)

const Step = Schema.Struct({
  step: Schema.Int,
  totalSteps: Schema.Int,
  loss: Schema.Finite,
  gradNorm: Schema.Finite,
  metrics: Metrics,
  learningRate: Schema.Finite,
  tokens: Schema.Int
})
const Evaluated = Schema.Struct({
  step: Schema.Int,
  loss: Written,
  metrics: Metrics
})
const Description = Schema.fromJsonString(
  Schema.Struct({ digest: Schema.String, steps: Schema.Array(Step), evaluations: Schema.Array(Evaluated) })
)
const decode = Schema.decodeUnknownResult(Description)
const encode = Schema.encodeSync(Description)

const DESCRIPTION = "training.json"
const TENSORS = "state.safetensors"

/**
 * Identifies what is asked: the objective, its items, the optimiser's numbers, and the names and shapes of what is trained. The
 * values it starts from are the caller's to know.
 */
export const requestDigest = (
  request: TrainRequest,
  trained: ReadonlyArray<readonly [string, ReadonlyArray<number>]>
): string => {
  const hash = createHash("sha256")
  const {
    adapter,
    betas,
    clip,
    epsilon,
    evaluate,
    learningRate,
    microBatchTokens,
    objective,
    recompute,
    schedule,
    seed,
    steps,
    warmupSteps,
    weightDecay
  } = request
  hash.update(
    JSON.stringify([
      objective.name,
      betas,
      clip,
      epsilon,
      learningRate,
      schedule,
      seed ?? 0,
      warmupSteps,
      weightDecay,
      adapter,
      recompute ?? false,
      microBatchTokens,
      trained
    ])
  )
  hash.update(JSON.stringify([evaluate?.objective.name, evaluate?.everySteps]))
  for (const [index, items] of [...steps, ...(evaluate === undefined ? [] : [evaluate.items])].entries()) {
    for (const { sequences, values } of items) {
      hash.update(JSON.stringify([index, sequences.map(({ prompt, response }) => [[...prompt], [...response]])]))
      for (const [name, value] of Object.entries(values)) {
        const plain = typeof value === "number"
          ? value
          : value.map((own) => typeof own === "number" ? own : Array.from(own))
        hash.update(JSON.stringify([name, plain]))
      }
    }
  }
  return hash.digest("hex")
}

/** Writes the state whole: a folder named by its step, complete before it has that name. Older ones are removed. */
export const writeTrainingState = Effect.fn("TrainingState.write")(function*(
  directory: string,
  { digest, evaluations, state, steps }: TrainingState
) {
  const temporary = join(directory, `${randomUUID()}.partial`)
  const name = String(steps.length).padStart(8, "0")
  yield* attempt(directory, () => mkdir(temporary, { recursive: true }))
  yield* Effect.gen(function*() {
    yield* Safetensors.write(
      join(temporary, TENSORS),
      new Map([...state].map(([name, { data, dims }]) => [name, { dtype: "F32" as const, shape: dims, data }]))
    )
    yield* attempt(directory, async () => {
      await writeFile(join(temporary, DESCRIPTION), encode({ digest, steps, evaluations }), { flush: true })
      await rm(join(directory, name), { recursive: true, force: true })
      await rename(temporary, join(directory, name))
      for (const other of await readdir(directory)) {
        if (other !== name) await rm(join(directory, other), { recursive: true, force: true })
      }
    })
  }).pipe(
    Effect.onError(() => attempt(directory, () => rm(temporary, { recursive: true, force: true })).pipe(Effect.ignore))
  )
})

/**
 * The newest whole state of this request in a directory; undefined where there is none. A state that is torn or belongs to
 * another request is not read: training then begins at its first step.
 */
export const readTrainingState = Effect.fn("TrainingState.read")(function*(directory: string, digest: string) {
  const names = yield* attempt(directory, () => mkdir(directory, { recursive: true }).then(() => readdir(directory)))
  for (const name of names.filter((name) => /^\d{8}$/.test(name)).toSorted().toReversed()) {
    const found = yield* readOne(join(directory, name), digest).pipe(Effect.option)
    if (found._tag === "Some" && found.value !== undefined) return found.value
  }
  return undefined
})

const readOne = Effect.fnUntraced(function*(folder: string, digest: string) {
  const text = yield* attempt(folder, () => readFile(join(folder, DESCRIPTION), "utf8"))
  const description = decode(text)
  if (Result.isFailure(description) || description.success.digest !== digest) return undefined
  const state = yield* readWeights(yield* Safetensors.readHeader(join(folder, TENSORS)))
  const found: TrainingState = { ...description.success, state }
  return found
})

const attempt = <A>(path: string, work: () => Promise<A>) =>
  Effect.tryPromise({
    try: work,
    catch: (cause) =>
      new CheckpointError({
        path,
        place: "",
        problem: `cannot hold the state of a training (${cause instanceof Error ? cause.message : String(cause)})`,
        remedy: "Give a folder that can be written, on a disk with room for three times the trained weights."
      })
  })
