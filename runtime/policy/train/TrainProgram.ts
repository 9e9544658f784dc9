/** A training step as one program: forward, backward, clip and AdamW. */
import { gradients } from "../../onnx/Gradient.ts"
import { type Graph, graph, input, output, type Tensor } from "../../onnx/Graph.ts"
import { add, mul, neg } from "../../onnx/ops/Arithmetic.ts"
import { reduceSum } from "../../onnx/ops/Reduce.ts"
import { scope } from "../../onnx/Scope.ts"
import { picked, predictionLogProbs } from "../head/TokenLogProbs.ts"
import { hiddenStates } from "../model/CausalAttention.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { modelTensors } from "../model/ModelTensors.ts"
import { inputWeights } from "../model/Weights.ts"
import { present } from "../Present.ts"
import { adamW, clipFactor, globalNorm, type StepNumbers } from "./AdamW.ts"

/** Inputs and outputs that carry the state of training, by the weight's name. */
export const stateNames = {
  weight: (name: string) => name,
  moment: (name: string) => `moment.${name}`,
  square: (name: string) => `square.${name}`,
  gradient: (name: string) => `gradient.${name}`
} as const

/** The output that becomes an input of the next run. */
export const nextName = (name: string): string => `next.${name}`

/** Names of all state inputs of a training program. */
export const stateInputs = (config: ModelConfig, accumulate: boolean): ReadonlyMap<string, ReadonlyArray<number>> => {
  const kinds = ["weight", "moment", "square", ...(accumulate ? ["gradient"] as const : [])] as const
  return new Map(
    [...modelTensors(config)].flatMap(([name, dims]) => kinds.map((kind) => [stateNames[kind](name), dims] as const))
  )
}

/**
 * The loss - sum_n weights_n log pi(targets_n) over a batch's predictions (see SequenceBatch), its gradients, and a step.
 *
 * State goes in under its name and comes out under `next.` + name, to be carried from run to run. Outputs `loss` and
 * `gradNorm` (before clipping), float32 [].
 *
 * @param accumulate the step's gradients are summed over several runs: the state holds the sum so far, and the input
 * `keep` (float32 []) is 1 while more is to come, with `idleNumbers`; 0 on the run that makes the step.
 */
export const trainProgram = (config: ModelConfig, accumulate: boolean): Graph => {
  const program = graph("train")
  const tokens = input(program, "tokens", "int32", ["batch", "length"])
  const positions = input(program, "positions", "int32", ["predictions"])
  const targets = input(program, "targets", "int32", ["predictions"])
  const lossWeights = input(program, "weights", "float32", ["predictions"])
  const number = (name: keyof StepNumbers<Tensor>) => input(program, name, "float32", [])
  const numbers: StepNumbers<Tensor> = {
    clip: number("clip"),
    shrink: number("shrink"),
    stepSize: number("stepSize"),
    momentRate: number("momentRate"),
    squareRate: number("squareRate"),
    squareScale: number("squareScale"),
    epsilon: number("epsilon")
  }
  const weights = inputWeights(config)(program)
  const names = [...modelTensors(config).keys()]
  const state = (kind: keyof typeof stateNames, name: string) =>
    input(program, stateNames[kind](name), "float32", weights.tensor(name).shape)

  const logProbs = predictionLogProbs(config, weights, hiddenStates(config, weights, tokens), positions)
  const loss = neg(reduceSum(mul(lossWeights, picked(logProbs, targets))))
  const fresh = gradients(loss, names.map(weights.tensor))
  const sums = accumulate ? fresh.map((gradient, i) => add(gradient, state("gradient", names[i] ?? ""))) : fresh
  const norm = globalNorm(sums)
  const factor = clipFactor(norm, numbers.clip)

  output("loss", loss)
  output("gradNorm", norm)
  const keep = accumulate ? input(program, "keep", "float32", []) : undefined
  names.forEach((name, i) => {
    const gradient = present(sums[i], `gradient of ${name}`)
    const before = { weight: weights.tensor(name), moment: state("moment", name), square: state("square", name) }
    const after = scope(`adamw/${name}`, () => adamW(before, mul(gradient, factor), numbers))
    for (const kind of ["weight", "moment", "square"] as const) output(nextName(stateNames[kind](name)), after[kind])
    if (keep !== undefined) output(nextName(stateNames.gradient(name)), mul(gradient, keep))
  })
  return program
}
