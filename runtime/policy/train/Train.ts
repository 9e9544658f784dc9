/** Trains a copy of the policy's weights; they stay with the device's worker from the first step to `save`. */
import * as Effect from "effect/Effect"
import type { Session } from "../../onnx/Sessions.ts"
import type { TensorData } from "../../onnx/TensorData.ts"
import { sequenceBatches } from "../Batches.ts"
import { saveCheckpoint } from "../checkpoint/SaveCheckpoint.ts"
import { checkTrain } from "../CheckRequest.ts"
import type { Engine } from "../Engine.ts"
import { modelTensors } from "../model/ModelTensors.ts"
import type { Trained, TrainRequest, TrainStep } from "../Policy.ts"
import { TrainingDiverged } from "../PolicyError.ts"
import { inputLength, sequenceBatch, type WeightedSequence } from "../SequenceBatch.ts"
import { type Hyperparameters, idleNumbers, stepNumbers } from "./AdamW.ts"
import { learningRateAt } from "./LearningRate.ts"
import { nextName, stateInputs, trainProgram } from "./TrainProgram.ts"

export const train = (engine: Engine) =>
  Effect.fn("Policy.train")(function*(request: TrainRequest) {
    const { checkpoint } = engine
    const problem = checkTrain(checkpoint.config, request)
    if (problem !== undefined) return yield* problem
    const plan = request.steps.map((sequences) => microBatches(engine, sequences))
    const accumulate = plan.some((batches) => batches.length > 1)
    const session = yield* engine.fresh(() => trainProgram(checkpoint.config, accumulate))
    const state = stateInputs(checkpoint.config, accumulate)
    const carry = Object.fromEntries([...state.keys()].map((name) => [nextName(name), name]))
    let initial = yield* initialState(engine, state)

    const steps: Array<TrainStep> = []
    for (const [index, batches] of plan.entries()) {
      const learningRate = learningRateAt(request, index, plan.length)
      const hyper: Hyperparameters = { ...request, learningRate }
      let loss = 0
      let gradNorm = 0
      for (const [part, members] of batches.entries()) {
        const last = part === batches.length - 1
        const { positions, targets, tokens, weights } = sequenceBatch(members, engine.padId)
        const values = yield* session.run({
          feeds: {
            ...initial,
            ...numbers(last ? stepNumbers(hyper, index + 1) : idleNumbers(hyper)),
            ...(accumulate && numbers({ keep: last ? 0 : 1 })),
            tokens,
            positions,
            targets,
            weights
          },
          fetch: ["loss", "gradNorm"],
          carry,
          move: true
        })
        initial = {}
        loss += Number(values.loss.data[0])
        gradNorm = Number(values.gradNorm.data[0])
      }
      const step = {
        step: index + 1,
        totalSteps: plan.length,
        loss,
        gradNorm,
        learningRate,
        tokens: responseTokens(request, index)
      }
      const diverged = divergence(step)
      if (diverged !== undefined) return yield* diverged
      steps.push(step)
      yield* request.onStep?.(step) ?? Effect.void
    }
    const trained: Trained = {
      steps,
      save: (directory) =>
        readWeights(engine, session, steps.length > 0).pipe(
          Effect.flatMap((weights) => saveCheckpoint(checkpoint, weights, directory))
        )
    }
    return trained
  })

/** Groups of a step's sequences that fit in memory together. A sequence of weight 0 has no gradient and is left out. */
const microBatches = (
  { checkpoint, limits }: Engine,
  sequences: ReadonlyArray<WeightedSequence>
): ReadonlyArray<ReadonlyArray<WeightedSequence>> => {
  const weighted = sequences.filter(({ weight }) => weight !== 0)
  const members = weighted.length === 0 ? sequences.slice(0, 1) : weighted
  return sequenceBatches(checkpoint.config, members.map(inputLength), "train", limits).map((indices) =>
    indices.flatMap((index) => members[index] ?? [])
  )
}

/** The checkpoint's weights, and zeros for moments and gradient sums: fed to the first run, carried from then on. */
const initialState = Effect.fnUntraced(
  function*({ checkpoint }: Engine, state: ReadonlyMap<string, ReadonlyArray<number>>) {
    const weights = yield* checkpoint.load
    const feeds: Record<string, TensorData> = {}
    for (const [name, dims] of state) {
      const size = dims.reduce((product, dim) => product * dim, 1)
      feeds[name] = weights.get(name) ?? { dtype: "float32", dims, data: new Float32Array(size) }
    }
    return feeds
  }
)

const readWeights = Effect.fnUntraced(function*({ checkpoint }: Engine, session: Session, trained: boolean) {
  if (!trained) return yield* checkpoint.load
  const weights = new Map<string, TensorData>()
  for (const name of modelTensors(checkpoint.config).keys()) weights.set(name, yield* session.read(name))
  return weights
})

const numbers = (values: object): Readonly<Record<string, TensorData>> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      { dtype: "float32", dims: [], data: Float32Array.of(Number(value)) }
    ])
  )

const responseTokens = (request: TrainRequest, index: number): number =>
  (request.steps[index] ?? []).reduce((sum, { response }) => sum + response.length, 0)

const divergence = (step: TrainStep): TrainingDiverged | undefined => {
  const { gradNorm, learningRate, loss, totalSteps } = step
  if (Number.isFinite(loss) && Number.isFinite(gradNorm)) return undefined
  const [quantity, value] = Number.isFinite(loss) ? ["gradient norm", gradNorm] as const : ["loss", loss] as const
  return new TrainingDiverged({ step: step.step, totalSteps, quantity, value: String(value), learningRate })
}
