/**
 * The programs of training. State - weights, moments, gradient sums - goes in under its name and comes out under `next.` +
 * name, to be carried from run to run; the sessions of a training share it.
 *
 *   - `gradientsProgram`: forward and backward of one micro-batch, added to the gradient sums;
 *   - `applyProgram`: clips the sums, takes an AdamW step and clears them;
 *   - `evaluationProgram`: forward alone, of one micro-batch of what is evaluated;
 *   - `stepsProgram`: a Loop of whole optimiser steps, each of one micro-batch of the same shape.
 *
 * A step whose loss or gradient is not finite leaves weights and moments as they were, so that the last good ones are kept.
 */
import { constant, type Graph, graph, input, output, type Tensor } from "../../onnx/Graph.ts"
import { add, isFinite } from "../../onnx/ops/Arithmetic.ts"
import { loop } from "../../onnx/ops/Control.ts"
import { zeros } from "../../onnx/ops/Fill.ts"
import { gather } from "../../onnx/ops/Index.ts"
import { and, where } from "../../onnx/ops/Logic.ts"
import { scope } from "../../onnx/Scope.ts"
import { tensorData } from "../../onnx/TensorData.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { present } from "../Present.ts"
import { adamW, clipFactor, eachStepNumber, globalNorm, type Moments, type StepNumbers } from "./AdamW.ts"
import { lossAlone, lossAndGradients } from "./ForwardPass.ts"
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

/**
 * The loss and metrics of one micro-batch under another objective, without dropout.
 *
 * @param predictions the most of any micro-batch.
 */
export const evaluationProgram = (training: Training, objective: Objective, predictions: number): Graph => {
  const program = graph("evaluation")
  const batch = batchInputs(program, objective, [])
  const state = stateInputs(program, training, "weight")
  const weights = training.trainable.weights(program, state)
  const { config } = training
  const { loss, metrics = {} } = lossAlone({ config, weights, batch, objective, predictions, recompute: false, state })
  output("loss", loss)
  for (const [name, value] of Object.entries(metrics)) output(metricName(name), value)
  return program
}

export const applyProgram = (training: Training): Graph => {
  const program = graph("apply")
  const tensors = trainedTensors(training)
  const names = tensors.map(([name]) => name)
  const moments = momentInputs(program, training)
  const sum = stateInputs(program, training, "gradient")
  const numbers = stepInputs(program, [])
  const sums = names.map(sum)
  const gradNorm = globalNorm(sums)
  const after = update(names, moments, sums, numbers, { gradNorm, sound: isFinite(gradNorm) })
  output("gradNorm", gradNorm)
  after.forEach((values, index) => {
    const name = names[index] ?? ""
    for (const kind of updated) output(nextName(stateNames[kind](name)), values[kind])
    output(nextName(stateNames.gradient(name)), zeros(program, "float32", tensors[index]?.[1] ?? []))
  })
  return program
}

/** Whether all steps so far were finite: a step that is not ends a training, so later ones of the run change nothing. */
const soundName = "sound"

/** Inputs are those of the other two, each with a first axis `steps`; `loss`, `gradNorm` and metrics come as [steps]. */
export const stepsProgram = (training: Training): Graph => {
  const program = graph("steps")
  const inputs = batchInputs(program, training.objective, ["steps"])
  const numbers = stepInputs(program, ["steps"])
  const names = trainedTensors(training).map(([name]) => name)
  const start = momentInputs(program, training)
  const { scan, state } = loop<string, string>({
    name: "steps",
    trips: "steps",
    state: {
      [soundName]: constant(program, tensorData("bool", [], [1])),
      ...Object.fromEntries(
        names.flatMap((name) => updated.map((kind) => [stateNames[kind](name), start(name)[kind]]))
      )
    },
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
      const gradNorm = globalNorm(step.gradients)
      const sound = and(present(state[soundName], "flag"), and(isFinite(gradNorm), isFinite(step.loss)))
      const after = update(names, before, step.gradients, now, { gradNorm, sound })
      const metrics = Object.entries(step.metrics).map(([name, value]) => [metricName(name), value] as const)
      return {
        state: {
          [soundName]: sound,
          ...Object.fromEntries(
            after.flatMap((values, index) =>
              updated.map((kind) => [stateNames[kind](names[index] ?? ""), values[kind]])
            )
          )
        },
        scan: { loss: step.loss, gradNorm, ...Object.fromEntries(metrics) }
      }
    }
  })
  for (const [name, value] of Object.entries(scan)) output(name, value)
  for (const [name, value] of Object.entries(state)) if (name !== soundName) output(nextName(name), value)
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

/**
 * An optimiser step on all trained tensors; none unless `sound`, bool []. It is masked rather than branched around: a
 * branch would have a GPU wait for the host in each step.
 */
const update = (
  names: ReadonlyArray<string>,
  before: (name: string) => Moments,
  gradients: ReadonlyArray<Tensor>,
  given: StepNumbers<Tensor>,
  { gradNorm, sound }: { readonly gradNorm: Tensor; readonly sound: Tensor }
): ReadonlyArray<Moments> => {
  const orElse = (value: Tensor, otherwise: number) => where(sound, value, otherwise)
  const numbers: StepNumbers<Tensor> = {
    ...given,
    shrink: orElse(given.shrink, 1),
    stepSize: orElse(given.stepSize, 0),
    momentRate: orElse(given.momentRate, 0),
    squareRate: orElse(given.squareRate, 0)
  }
  const factor = orElse(clipFactor(gradNorm, numbers.clip), 0)
  return names.map((name, index) =>
    scope(`adamw/${name}`, () => {
      // 0 times a gradient that is not finite would not be 0.
      const gradient = orElse(present(gradients[index], `gradient of ${name}`), 0)
      return adamW(before(name), gradient, factor, numbers)
    })
  )
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
