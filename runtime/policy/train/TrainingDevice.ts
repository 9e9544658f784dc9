/** A training's state with one worker, and the programs that move it on. */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import type { Graph } from "../../onnx/Graph.ts"
import type { Session } from "../../onnx/Sessions.ts"
import type { TensorData } from "../../onnx/TensorData.ts"
import type { EngineError } from "../Engine.ts"
import type { PolicyWorker } from "../parallel/PolicyWorkers.ts"
import { present } from "../Present.ts"
import type { StepNumbers } from "./AdamW.ts"
import {
  applyProgram,
  gradientsProgram,
  metricName,
  nextName,
  type StateKind,
  stateNames,
  stateShapes,
  stepsProgram,
  trainedTensors,
  type Training,
  updated
} from "./TrainPrograms.ts"

type Feeds = Readonly<Record<string, TensorData>>
type State = ReadonlyMap<string, TensorData>

/** What a micro-batch, or all micro-batches of a step, gave. */
export interface LossValues {
  readonly loss: number
  readonly metrics: Readonly<Record<string, number>>
}

export interface StepValues extends LossValues {
  readonly gradNorm: number
}

export interface TrainingDevice {
  /** Sets weights and moments, by the names of `stateNames`. */
  readonly write: (state: State) => Effect.Effect<void, EngineError>
  /** Weights and moments as they are, by the same names. */
  readonly read: (kinds: ReadonlyArray<StateKind>) => Effect.Effect<State, EngineError>
  /** Whole optimiser steps in one Loop; as many results as steps were taken, the last of them not finite if it ended early. */
  readonly steps: (
    batches: ReadonlyArray<Feeds>,
    numbers: ReadonlyArray<StepNumbers<number>>
  ) => Effect.Effect<ReadonlyArray<StepValues>, EngineError>
  /** Adds a micro-batch's gradients to the sums. */
  readonly gradients: (batch: Feeds) => Effect.Effect<LossValues, EngineError>
  /** Takes an optimiser step from the sums and clears them; the norm of the sums. */
  readonly apply: (numbers: StepNumbers<number>) => Effect.Effect<number, EngineError>
  /** The loss of a micro-batch of what is evaluated. */
  readonly evaluate: (batch: Feeds) => Effect.Effect<LossValues, EngineError>
  /** Names of the trained tensors. */
  readonly trained: ReadonlyArray<string>
  /** A copy of the gradient sum of a trained tensor, once there is one. */
  readonly readGradient: (name: string) => Effect.Effect<Float32Array, EngineError>
  /** Sets it, and moves the buffer to the worker. */
  readonly writeGradient: (name: string, sum: Float32Array) => Effect.Effect<void, EngineError>
}

/** How each program of a training is made; several devices that are given the same share what is made. */
export const trainingPrograms = (training: Training, evaluate?: () => Graph) => ({
  ...(evaluate !== undefined && { evaluate }),
  steps: () => stepsProgram(training),
  gradients: () => gradientsProgram(training),
  apply: () => applyProgram(training)
})
type TrainingPrograms = ReturnType<typeof trainingPrograms>

/** The metrics that a program reports, by output name. */
const metricsOf = ({ program }: Session): ReadonlyArray<string> =>
  program.outputs.flatMap(({ name }) => name.startsWith(metricName("")) ? [name] : [])

/** @param first the program that is loaded in any case, because steps will need it. */
export const openTrainingDevice = Effect.fn("TrainingDevice.open")(function*(
  worker: PolicyWorker,
  training: Training,
  build: TrainingPrograms,
  first: "steps" | "apply"
) {
  const state = randomUUID()
  const programs = new Map<string, Session>()
  const program = Effect.fnUntraced(function*(name: keyof TrainingPrograms) {
    const known = programs.get(name)
    if (known !== undefined) return known
    const session = yield* worker.fresh(present(build[name], `program ${name}`), state)
    programs.set(name, session)
    return session
  })
  const shapes = new Map(trainedTensors(training))
  const carry = (kinds: ReadonlyArray<StateKind>) =>
    Object.fromEntries([...stateShapes(training, kinds).keys()].map((name) => [nextName(name), name]))

  let summing = false
  /** Gradient sums begin at zero, when they are first needed. */
  const startSums = Effect.fnUntraced(function*(session: Session) {
    if (summing) return
    summing = true
    yield* session.write(zerosOf(stateShapes(training, ["gradient"])))
  })

  const device: TrainingDevice = {
    write: (values) => Effect.flatMap(program(first), (session) => session.write(Object.fromEntries(values))),
    read: Effect.fnUntraced(function*(kinds) {
      const session = yield* program(first)
      const values = new Map<string, TensorData>()
      for (const name of stateShapes(training, kinds).keys()) values.set(name, yield* session.read(name))
      return values
    }),
    steps: Effect.fnUntraced(function*(batches, numbers) {
      const session = yield* program("steps")
      const values = yield* session.run({
        feeds: { ...stacked(batches), ...stacked(numbers.map(scalars)) },
        fetch: ["loss", "gradNorm", ...metricsOf(session)],
        carry: carry(updated),
        move: true
      })
      return Array.from({ length: values["loss"]?.dims[0] ?? 0 }, (_, step) => ({
        ...lossValues(values, step),
        gradNorm: at(values["gradNorm"], step)
      }))
    }),
    gradients: Effect.fnUntraced(function*(batch) {
      const session = yield* program("gradients")
      yield* startSums(session)
      const values = yield* session.run({
        feeds: batch,
        fetch: ["loss", ...metricsOf(session)],
        carry: carry(["gradient"]),
        move: true
      })
      return lossValues(values, 0)
    }),
    evaluate: Effect.fnUntraced(function*(batch) {
      const session = yield* program("evaluate")
      return lossValues(yield* session.run({ feeds: batch, fetch: ["loss", ...metricsOf(session)], move: true }), 0)
    }),
    apply: Effect.fnUntraced(function*(numbers) {
      const session = yield* program("apply")
      const values = yield* session.run({
        feeds: scalars(numbers),
        fetch: ["gradNorm"],
        carry: carry([...updated, "gradient"])
      })
      return at(values.gradNorm, 0)
    }),
    trained: [...shapes.keys()],
    readGradient: Effect.fnUntraced(function*(name) {
      const session = yield* program("gradients")
      const { data } = yield* session.read(stateNames.gradient(name))
      return data instanceof Float32Array ? data : Float32Array.from(data, Number)
    }),
    writeGradient: Effect.fnUntraced(function*(name, data) {
      const session = yield* program("apply")
      yield* session.write({ [stateNames.gradient(name)]: { dtype: "float32", dims: shapes.get(name) ?? [], data } })
    })
  }
  return device
})

/** The state at the first step: given weights, and moments of zero. */
export const initialState = (training: Training, weights: ReadonlyMap<string, TensorData>): State =>
  new Map([
    ...Object.entries(zerosOf(stateShapes(training, ["moment", "square"]))),
    ...trainedTensors(training).map(([name, dims]): [string, TensorData] => [
      stateNames.weight(name),
      weights.get(name) ?? { dtype: "float32", dims, data: new Float32Array(dims.reduce((n, size) => n * size, 1)) }
    ])
  ])

const zerosOf = (shapes: ReadonlyMap<string, ReadonlyArray<number>>): Feeds =>
  Object.fromEntries(
    [...shapes].map(([name, dims]) => [
      name,
      { dtype: "float32", dims, data: new Float32Array(dims.reduce((n, size) => n * size, 1)) }
    ])
  )

const scalars = (numbers: object): Feeds =>
  Object.fromEntries(
    Object.entries(numbers).map(([name, value]) => [
      name,
      { dtype: "float32", dims: [], data: Float32Array.of(Number(value)) }
    ])
  )

/** Values of several steps along a new first axis. */
const stacked = (steps: ReadonlyArray<Feeds>): Feeds => {
  const [first = {}] = steps
  return Object.fromEntries(
    Object.entries(first).map(([name, { dims, dtype }]): [string, TensorData] => {
      const parts = steps.flatMap((step) => step[name]?.data ?? [])
      const size = dims.reduce((n, dim) => n * dim, 1)
      const data = dtype === "int32" ? new Int32Array(size * parts.length) : new Float32Array(size * parts.length)
      parts.forEach((part, index) => {
        if (part instanceof Int32Array || part instanceof Float32Array) data.set(part, index * size)
      })
      return [name, { dtype, dims: [parts.length, ...dims], data }]
    })
  )
}

const lossValues = (values: Readonly<Record<string, TensorData>>, step: number): LossValues => ({
  loss: at(values["loss"], step),
  metrics: Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      name.startsWith(metricName("")) ? [[name.slice(metricName("").length), at(value, step)]] : []
    )
  )
})

const at = (value: TensorData | undefined, index: number): number => Number(value?.data[index])
