/** Trains a copy of the policy's weights, or an adapter beside them; they stay with the workers until `save`. */
import * as Effect from "effect/Effect"
import type { TensorData } from "../../onnx/TensorData.ts"
import { trainableOf } from "../adapter/TrainableOf.ts"
import { checkTrain } from "../CheckRequest.ts"
import type { Engine } from "../Engine.ts"
import { takeStep } from "../parallel/DataParallel.ts"
import type { PolicyWorker, PolicyWorkers } from "../parallel/PolicyWorkers.ts"
import type { Evaluation, Trained, TrainRequest, TrainStep } from "../Policy.ts"
import { TrainingDiverged } from "../PolicyError.ts"
import { stepNumbers } from "./AdamW.ts"
import { chunksUpTo, planEvaluation } from "./Evaluate.ts"
import { learningRateAt } from "./LearningRate.ts"
import { microBatch } from "./MicroBatch.ts"
import { paddedTokens, type PlannedBatch, type PlannedStep, planRuns, planStep } from "./PlanSteps.ts"
import {
  initialState,
  openTrainingDevice,
  type StepValues,
  type TrainingDevice,
  trainingPrograms
} from "./TrainingDevice.ts"
import { readTrainingState, requestDigest, writeTrainingState } from "./TrainingState.ts"
import { stateNames, trainedTensors, type Training, updated } from "./TrainPrograms.ts"

export const train = (engine: Engine) =>
  Effect.fn("Policy.train")(function*(request: TrainRequest) {
    const { config } = engine.checkpoint
    const problem = checkTrain(config, request)
    if (problem !== undefined) return yield* problem
    const asked = { config, objective: request.objective, recompute: request.recompute ?? false }
    const workers = engine.workers.length
    const limits = { ...engine.limits, tokens: request.microBatchTokens ?? engine.limits.tokens }
    const plan = request.steps.map((items, index) => planStep(asked, items, index, limits, workers))
    const training: Training = {
      ...asked,
      trainable: yield* trainableOf(engine, request),
      predictions: plan.flatMap(({ batches }) => batches).reduce(
        (most, { shape }) => Math.max(most, shape.predictions),
        1
      )
    }
    const inLoop = workers === 1 && plan.some(({ batches }) => batches.length === 1)
    const evaluation = planEvaluation(engine, training, request.evaluate)
    const programs = trainingPrograms(training, evaluation?.build)
    const [device, ...others] = yield* forEachWorker(
      engine.workers,
      (worker) => openTrainingDevice(worker, training, programs, inLoop ? "steps" : "apply")
    )
    const digest = requestDigest(request, trainedTensors(training))
    const resumed = request.resume && (yield* readTrainingState(request.resume.directory, digest))
    const taken: Array<TrainStep> = [...(resumed?.steps ?? [])]
    const evaluations: Array<Evaluation> = [...(resumed?.evaluations ?? [])]
    const start = resumed?.state ?? initialState(training, yield* training.trainable.initial)
    for (const other of others) yield* other.write(copied(start))
    yield* device.write(start)

    const saveState = Effect.suspend(() =>
      request.resume === undefined
        ? Effect.void
        : Effect.flatMap(
          device.read(updated),
          (state) => writeTrainingState(request.resume?.directory ?? "", { digest, steps: taken, evaluations, state })
        )
    )
    let saved = taken.length
    const mostPerRun = workers === 1 ? request.resume?.everySteps : 1
    const remaining = chunksUpTo(plan, taken.length, evaluation?.everySteps ?? Infinity)
    const evaluateIfDue = Effect.suspend(() =>
      evaluation === undefined || !evaluation.isDue(taken.length, plan.length) ? Effect.void : Effect.map(
        evaluation.losses([device, ...others]),
        (found) => evaluations.push({ step: taken.length, ...found })
      )
    )
    if (taken.length === 0) yield* evaluateIfDue
    for (const run of remaining.flatMap((steps) => planRuns(config, steps, mostPerRun))) {
      for (const [position, values] of (yield* takeSteps(engine, [device, ...others], request, run)).entries()) {
        const step = describeStep(request, run[position]?.index ?? 0, values)
        const diverged = divergence(step, request)
        if (diverged !== undefined) {
          yield* saveState
          return yield* diverged
        }
        taken.push(step)
        yield* request.onStep?.(step) ?? Effect.void
      }
      yield* evaluateIfDue
      if (taken.length - saved >= (request.resume?.everySteps ?? Infinity)) {
        yield* saveState
        saved = taken.length
      }
    }
    const state = yield* device.read(["weight"])
    const overflown = overflow(state, taken, saved > 0 ? request.resume?.directory : undefined)
    if (overflown !== undefined) return yield* overflown
    const trained: Trained = {
      format: training.trainable.format,
      steps: taken,
      evaluations,
      save: (directory) =>
        Effect.gen(function*() {
          const values = new Map(
            trainedTensors(training).flatMap(([name]) => {
              const value = state.get(stateNames.weight(name))
              return value === undefined ? [] : [[name, value] as const]
            })
          )
          yield* training.trainable.save(values, directory)
        })
    }
    return trained
  })

/** The last step's update has no loss after it to show that it went too far. */
const overflow = (
  weights: ReadonlyMap<string, TensorData>,
  taken: ReadonlyArray<TrainStep>,
  kept: string | undefined
): TrainingDiverged | undefined => {
  const last = taken.at(-1)
  if (last === undefined) return undefined
  for (const { data } of weights.values()) {
    for (const value of data) {
      if (Number.isFinite(Number(value))) continue
      const { learningRate, step, totalSteps } = last
      return new TrainingDiverged({
        step,
        totalSteps,
        quantity: "largest weight",
        value: String(value),
        learningRate,
        kept: kept ?? null
      })
    }
  }
  return undefined
}

const forEachWorker = <A, E, R>(
  [first, ...others]: PolicyWorkers,
  open: (worker: PolicyWorker) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    const opened: readonly [A, ...ReadonlyArray<A>] = [yield* open(first), ...(yield* Effect.forEach(others, open))]
    return opened
  })

/** Values of their own: writing moves them. */
const copied = (state: ReadonlyMap<string, TensorData>) =>
  new Map([...state].map(([name, value]) => [name, { ...value, data: value.data.slice() }]))

/** The values of each step of a run, up to the first that is not finite. */
const takeSteps = Effect.fnUntraced(
  function*(
    engine: Engine,
    devices: readonly [TrainingDevice, ...ReadonlyArray<TrainingDevice>],
    request: TrainRequest,
    run: ReadonlyArray<PlannedStep>
  ) {
    const feeds = (step: PlannedStep, { items, shape }: PlannedBatch, part: number) => ({
      ...microBatch(request.objective, items, shape, engine.padId),
      dropoutKey: {
        dtype: "int32" as const,
        dims: [],
        data: Int32Array.of(dropoutKey(request.seed ?? 0, step.index, part))
      }
    })
    const numbersOf = ({ index }: PlannedStep) =>
      stepNumbers({ ...request, learningRate: learningRateAt(request, index, request.steps.length) }, index + 1)
    const [step] = run
    if (step === undefined) return []
    if (devices.length === 1 && step.batches.length === 1) {
      const batches = run.flatMap((step) => step.batches.map((batch) => feeds(step, batch, 0)))
      return yield* devices[0].steps(batches, run.map(numbersOf))
    }
    const batches = step.batches.map((batch, part) => ({
      cost: paddedTokens(batch),
      feeds: () => feeds(step, batch, part)
    }))
    return [yield* takeStep(devices, batches, numbersOf(step))]
  }
)

/** An int32 that differs between micro-batches, so that each has dropout of its own. */
const dropoutKey = (seed: number, step: number, part: number): number =>
  Math.imul(Math.imul(seed + 0x9e3779b9, 0x85ebca6b) + step, 0xc2b2ae35) + Math.imul(part + 1, 0x27d4eb2f) | 0

const describeStep = (request: TrainRequest, index: number, { gradNorm, loss, metrics }: StepValues): TrainStep => ({
  step: index + 1,
  totalSteps: request.steps.length,
  loss,
  gradNorm,
  metrics,
  learningRate: learningRateAt(request, index, request.steps.length),
  tokens: (request.steps[index] ?? []).reduce(
    (sum, { sequences }) => sequences.reduce((tokens, { response }) => tokens + response.length, sum),
    0
  )
})

const divergence = (
  { gradNorm, learningRate, loss, step, totalSteps }: TrainStep,
  { resume }: TrainRequest
): TrainingDiverged | undefined => {
  if (Number.isFinite(loss) && Number.isFinite(gradNorm)) return undefined
  const [quantity, value] = Number.isFinite(loss) ? ["gradient norm", gradNorm] as const : ["loss", loss] as const
  return new TrainingDiverged({
    step,
    totalSteps,
    quantity,
    value: String(value),
    learningRate,
    kept: resume?.directory ?? null
  })
}
