/**
 * The programs of training. State - weights, moments, gradient sums - goes in under its name and comes out under `next.` +
 * name, to be carried from run to run; the sessions of a training share it.
 *
 *   - `gradientsProgram`: forward and backward of one micro-batch, added to the gradient sums;
 *   - `applyProgram`: clips the sums, takes an AdamW step and clears them;
 *   - `stepsProgram`: a Loop of whole optimiser steps, each of one micro-batch of the same shape.
 *
 * A step whose loss or gradient is not finite leaves weights and moments as they were, so that the last good ones are kept.
 */
import { type Graph, graph, input, output, type Tensor } from "../../onnx/Graph.ts"
import { add, isFinite } from "../../onnx/ops/Arithmetic.ts"
import { ifElse, loop } from "../../onnx/ops/Control.ts"
import { zeros } from "../../onnx/ops/Fill.ts"
import { gather } from "../../onnx/ops/Index.ts"
import { and } from "../../onnx/ops/Logic.ts"
import { scope } from "../../onnx/Scope.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { present } from "../Present.ts"
import { adamW, clipFactor, eachStepNumber, globalNorm, type Moments, type StepNumbers } from "./AdamW.ts"
import { lossAndGradients } from "./ForwardPass.ts"
import type { Objective } from "./Objective.ts"
import type { Trainable } from "./Trainable.ts"

/** What is trained, on what. */
export interface Training {
  readonly config: ModelConfig
  readonly trainable: Trainable
  readonly objective: Objective
  /** Keep only the hidden states between layers for the backward pass, and compute each layer again. */
  readonly recompute: boolean
  /** The most predictions of any micro-batch: decides how the language-model head is cut. */
  readonly predictions: number
}

/** Names of the state that belongs to a trained tensor. */
export const stateNames = {
  weight: (name: string) => name,
  moment: (name: string) => `moment.${name}`,
  square: (name: string) => `square.${name}`,
  gradient: (name: string) => `gradient.${name}`
} as const
export type StateKind = keyof typeof stateNames

/** The output that becomes an input of the next run. */
export const nextName = (name: string): string => `next.${name}`

/** The state of these kinds by input name, with its shapes. */
export const stateShapes = (
  training: Training,
  kinds: ReadonlyArray<StateKind>
): ReadonlyMap<string, ReadonlyArray<number>> =>
  new Map(
    trainedTensors(training).flatMap(([name, dims]) => kinds.map((kind) => [stateNames[kind](name), dims] as const))
  )

/** Names and shapes of all that is trained: the trainable's tensors and the objective's heads. */
export const trainedTensors = (
  { config, objective, trainable }: Training
): ReadonlyArray<readonly [string, ReadonlyArray<number>]> => [
  ...new Map([...trainable.tensors, ...Object.entries(objective.heads?.(config) ?? {})])
]

/** One output per metric. */
export const metricName = (name: string): string => `metrics/${name}`

export const gradientsProgram = (training: Training): Graph => {
  const program = graph("gradients")
  const inputs = batchInputs(program, training.objective, [])
  const names = trainedTensors(training).map(([name]) => name)
  const weight = stateInputs(program, training, "weight")
  const sum = stateInputs(program, training, "gradient")
  const step = forwardAndBackward(program, training, weight, (name) => inputs(name))
  output("loss", step.loss)
  for (const [name, value] of Object.entries(step.metrics)) output(metricName(name), value)
  names.forEach((name, index) => {
    const fresh = present(step.gradients[index], `gradient of ${name}`)
    output(nextName(stateNames.gradient(name)), add(sum(name), fresh))
  })
  return program
}

export const applyProgram = (training: Training): Graph => {
  const program = graph("apply")
  const tensors = trainedTensors(training)
  const names = tensors.map(([name]) => name)
  const moments = momentInputs(program, training)
  const sum = stateInputs(program, training, "gradient")
  const numbers = stepInputs(program, [])
  const { gradNorm, after } = update(names, moments, names.map(sum), numbers)
  output("gradNorm", gradNorm)
  after.forEach((values, index) => {
    const name = names[index] ?? ""
    for (const kind of updated) output(nextName(stateNames[kind](name)), values[kind])
    output(nextName(stateNames.gradient(name)), zeros(program, "float32", tensors[index]?.[1] ?? []))
  })
  return program
}

/** Inputs are those of the other two, each with a first axis `steps`; `loss`, `gradNorm` and metrics come as [steps taken]. */
export const stepsProgram = (training: Training): Graph => {
  const program = graph("steps")
  const inputs = batchInputs(program, training.objective, ["steps"])
  const numbers = stepInputs(program, ["steps"])
  const names = trainedTensors(training).map(([name]) => name)
  const start = momentInputs(program, training)
  const { scan, state } = loop<string, string>({
    name: "steps",
    trips: "steps",
    state: Object.fromEntries(
      names.flatMap((name) => updated.map((kind) => [stateNames[kind](name), start(name)[kind]]))
    ),
    body: (iteration, state) => {
      const stateOf = (kind: StateKind) => (name: string) =>
        present(state[stateNames[kind](name)], `${kind} of ${name}`)
      const at = (tensor: Tensor) => gather(tensor, iteration)
      const before = (name: string): Moments => ({
        weight: stateOf("weight")(name),
        moment: stateOf("moment")(name),
        square: stateOf("square")(name)
      })
      const step = forwardAndBackward(program, training, stateOf("weight"), (name) => at(inputs(name)))
      const now = eachStepNumber((name) => at(numbers[name]))
      const { after, finite, gradNorm } = update(names, before, step.gradients, now, step.loss)
      const metrics = Object.entries(step.metrics).map(([name, value]) => [metricName(name), value] as const)
      return {
        state: Object.fromEntries(
          after.flatMap((values, index) => updated.map((kind) => [stateNames[kind](names[index] ?? ""), values[kind]]))
        ),
        scan: { loss: step.loss, gradNorm, ...Object.fromEntries(metrics) },
        proceed: finite
      }
    }
  })
  for (const [name, value] of Object.entries(scan)) output(name, value)
  for (const [name, value] of Object.entries(state)) output(nextName(name), value)
  return program
}

/** The state that an optimiser step changes. */
export const updated = ["weight", "moment", "square"] as const

const forwardAndBackward = (
  program: Graph,
  training: Training,
  weight: (name: string) => Tensor,
  batch: (name: string) => Tensor
) => {
  const { config, objective, predictions, recompute, trainable } = training
  const trained = trainedTensors(training).map(([name]) => weight(name))
  const weights = trainable.weights(program, weight, () => batch("dropoutKey"))
  return lossAndGradients({ config, weights, batch, objective, predictions, recompute, state: weight }, trained)
}

/** An optimiser step on all trained tensors, or none where a number is not finite. */
const update = (
  names: ReadonlyArray<string>,
  before: (name: string) => Moments,
  gradients: ReadonlyArray<Tensor>,
  numbers: StepNumbers<Tensor>,
  loss?: Tensor
) => {
  const gradNorm = globalNorm(gradients)
  const finite = loss === undefined ? isFinite(gradNorm) : and(isFinite(gradNorm), isFinite(loss))
  const factor = clipFactor(gradNorm, numbers.clip)
  const states = names.map(before)
  const after = ifElse(
    finite,
    () =>
      names.flatMap((name, index) => {
        const gradient = present(gradients[index], `gradient of ${name}`)
        const next = scope(`adamw/${name}`, () => adamW(present(states[index], name), gradient, factor, numbers))
        return updated.map((kind) => next[kind])
      }),
    () => states.flatMap((state) => updated.map((kind) => state[kind]))
  )
  return {
    gradNorm,
    finite,
    after: names.map((name, index): Moments => {
      const [weight, moment, square] = after.slice(updated.length * index)
      return { weight: present(weight, name), moment: present(moment, name), square: present(square, name) }
    })
  }
}

const batchInputs = (program: Graph, objective: Objective, leading: ReadonlyArray<string>) => {
  const { sequencesPerItem, values } = objective
  const extents = { prediction: ["predictions"], sequence: ["items", sequencesPerItem], item: ["items"] }
  const declare = (name: string, dtype: "int32" | "float32", shape: ReadonlyArray<string | number>) =>
    [name, input(program, name, dtype, [...leading, ...shape])] as const
  const tensors = new Map([
    declare("tokens", "int32", ["items", sequencesPerItem, "length"]),
    ...["positions", "targets", "sequence"].map((name) => declare(name, "int32", ["predictions"])),
    ...Object.entries(values).map(([name, extent]) => declare(name, "float32", extents[extent])),
    declare("dropoutKey", "int32", [])
  ])
  return (name: string): Tensor => present(tensors.get(name), `value ${name} of the objective ${objective.name}`)
}

const stepInputs = (program: Graph, leading: ReadonlyArray<string>): StepNumbers<Tensor> =>
  eachStepNumber((name) => input(program, name, "float32", leading))

const stateInputs = (program: Graph, training: Training, kind: StateKind) => {
  const tensors = new Map(
    trainedTensors(training).map(([name, dims]) => [name, input(program, stateNames[kind](name), "float32", dims)])
  )
  return (name: string): Tensor => present(tensors.get(name), `${kind} of ${name}`)
}

const momentInputs = (program: Graph, training: Training) => {
  const [weight, moment, square] = updated.map((kind) => stateInputs(program, training, kind))
  return (name: string): Moments => ({
    weight: present(weight, "weights")(name),
    moment: present(moment, "moments")(name),
    square: present(square, "squares")(name)
  })
}
