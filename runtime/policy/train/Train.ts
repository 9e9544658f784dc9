/** Trains a copy of the policy's weights, or an adapter beside them; they stay with the device's worker until `save`. */
import * as Effect from "effect/Effect"
import { trainableOf } from "../adapter/TrainableOf.ts"
import { checkTrain } from "../CheckRequest.ts"
import type { Engine } from "../Engine.ts"
import type { Trained, TrainRequest, TrainStep } from "../Policy.ts"
import { TrainingDiverged } from "../PolicyError.ts"
import { stepNumbers } from "./AdamW.ts"
import { learningRateAt } from "./LearningRate.ts"
import { microBatch } from "./MicroBatch.ts"
import { type PlannedBatch, type PlannedStep, planRuns, planStep } from "./PlanSteps.ts"
import { initialState, openTrainingDevice, type StepValues, type TrainingDevice } from "./TrainingDevice.ts"
import { readTrainingState, requestDigest, writeTrainingState } from "./TrainingState.ts"
import { stateNames, trainedTensors, type Training, updated } from "./TrainPrograms.ts"

export const train = (engine: Engine) =>
  Effect.fn("Policy.train")(function*(request: TrainRequest) {
    const { config } = engine.checkpoint
    const problem = checkTrain(config, request)
    if (problem !== undefined) return yield* problem
    const asked = { config, objective: request.objective, recompute: request.recompute ?? false }
    const plan = request.steps.map((items, index) => planStep(asked, items, index, engine.limits))
    const training: Training = {
      ...asked,
      trainable: yield* trainableOf(engine, request),
      predictions: plan.flatMap(({ batches }) => batches).reduce(
        (most, { shape }) => Math.max(most, shape.predictions),
        1
      )
    }
    const device = yield* openTrainingDevice(engine, training)
    const digest = requestDigest(request, trainedTensors(training))
    const resumed = request.resume && (yield* readTrainingState(request.resume.directory, digest))
    const taken: Array<TrainStep> = [...(resumed?.steps ?? [])]
    yield* device.write(resumed?.state ?? initialState(training, yield* training.trainable.initial))

    const saveState = Effect.suspend(() =>
      request.resume === undefined
        ? Effect.void
        : Effect.flatMap(
          device.read(updated),
          (state) => writeTrainingState(request.resume?.directory ?? "", { digest, steps: taken, state })
        )
    )
    let saved = taken.length
    for (const run of planRuns(config, plan.slice(taken.length), request.resume?.everySteps)) {
      for (const [position, values] of (yield* takeSteps(engine, device, request, run)).entries()) {
        const step = describeStep(request, run[position]?.index ?? 0, values)
        const diverged = divergence(step, request)
        if (diverged !== undefined) {
          yield* saveState
          return yield* diverged
        }
        taken.push(step)
        yield* request.onStep?.(step) ?? Effect.void
      }
      if (taken.length - saved >= (request.resume?.everySteps ?? Infinity)) {
        yield* saveState
        saved = taken.length
      }
    }
    const trained: Trained = {
      format: training.trainable.format,
      steps: taken,
      save: (directory) =>
        Effect.gen(function*() {
          const state = yield* device.read(["weight"])
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

/** The values of each step of a run, up to the first that is not finite. */
const takeSteps = Effect.fnUntraced(
  function*(engine: Engine, device: TrainingDevice, request: TrainRequest, run: ReadonlyArray<PlannedStep>) {
    const feeds = (step: PlannedStep, { items, shape }: PlannedBatch, part: number) => ({
      ...microBatch(request.objective, items, shape, engine.padId),
      dropoutKey: {
        dtype: "int32" as const,
        dims: [],
        data: Int32Array.of(dropoutKey(request.seed ?? 0, step.index, part))
      }
    })
    const numbers = run.map(({ index }) =>
      stepNumbers({ ...request, learningRate: learningRateAt(request, index, request.steps.length) }, index + 1)
    )
    const [step] = run
    const [now] = numbers
    if (step === undefined || now === undefined) return []
    if (step.batches.length === 1) {
      return yield* device.steps(run.flatMap((step) => step.batches.map((batch) => feeds(step, batch, 0))), numbers)
    }
    const parts = yield* Effect.forEach(
      step.batches.entries(),
      ([part, batch]) => device.gradients(feeds(step, batch, part))
    )
    const sum = sumOf(parts)
    // As in the Loop: a step whose loss is not finite is not taken, even where its gradient is.
    return [{ ...sum, gradNorm: Number.isFinite(sum.loss) ? yield* device.apply(now) : Number.NaN }]
  }
)

const sumOf = (parts: ReadonlyArray<Omit<StepValues, "gradNorm">>) => {
  const metrics: Record<string, number> = {}
  for (const part of parts) {
    for (const [name, value] of Object.entries(part.metrics)) metrics[name] = (metrics[name] ?? 0) + value
  }
  return { loss: parts.reduce((sum, { loss }) => sum + loss, 0), metrics }
}

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
