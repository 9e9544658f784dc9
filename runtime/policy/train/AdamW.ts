/** AdamW and gradient clipping as graph operations (Loshchilov and Hutter 2019; Pascanu et al. 2013). */
import type { Tensor } from "../../onnx/Graph.ts"
import { add, div, minimum, mul, sqrt, square, sub } from "../../onnx/ops/Arithmetic.ts"
import { stack } from "../../onnx/ops/Join.ts"
import { reduceSum } from "../../onnx/ops/Reduce.ts"

/** The numbers of one optimiser step, each float32 []; `stepNumbers` computes them. */
export interface StepNumbers<Value> {
  /** Largest global gradient norm. */
  readonly clip: Value
  /** 1 - learningRate * weightDecay */
  readonly shrink: Value
  /** learningRate sqrt(1 - beta2^t) / (1 - beta1^t) */
  readonly stepSize: Value
  /** 1 - beta1 */
  readonly momentRate: Value
  /** 1 - beta2 */
  readonly squareRate: Value
  /** epsilon sqrt(1 - beta2^t) */
  readonly epsilon: Value
}

/** Makes each of the numbers by its name. */
export const eachStepNumber = <Value>(make: (name: keyof StepNumbers<Value>) => Value): StepNumbers<Value> => ({
  clip: make("clip"),
  shrink: make("shrink"),
  stepSize: make("stepSize"),
  momentRate: make("momentRate"),
  squareRate: make("squareRate"),
  epsilon: make("epsilon")
})

export interface Hyperparameters {
  readonly learningRate: number
  readonly weightDecay: number
  readonly clip: number
  readonly betas: readonly [number, number]
  readonly epsilon: number
}

/** The numbers of optimiser step `t` (1-based). */
export const stepNumbers = (hyper: Hyperparameters, t: number): StepNumbers<number> => {
  const spread = Math.sqrt(1 - hyper.betas[1] ** t)
  return {
    clip: hyper.clip,
    shrink: 1 - hyper.learningRate * hyper.weightDecay,
    stepSize: hyper.learningRate * spread / (1 - hyper.betas[0] ** t),
    momentRate: 1 - hyper.betas[0],
    squareRate: 1 - hyper.betas[1],
    epsilon: hyper.epsilon * spread
  }
}

/** A weight with the running means of its gradient and of its gradient's square. */
export interface Moments {
  readonly weight: Tensor
  readonly moment: Tensor
  readonly square: Tensor
}

/** The Euclidean norm of all gradients together. */
export const globalNorm = (gradients: ReadonlyArray<Tensor>): Tensor =>
  sqrt(reduceSum(stack(gradients.map((gradient) => reduceSum(square(gradient))), 0)))

/** What gradients are multiplied by so that their norm is at most `clip`: min(1, clip / (norm + 1e-6)), as in PyTorch. */
export const clipFactor = (norm: Tensor, clip: Tensor): Tensor => minimum(div(clip, add(norm, 1e-6)), 1)

/**
 * One step of AdamW for a weight w with gradient g, clipped by a factor f:
 *
 *     m' = beta1 m + (1 - beta1) f g         v' = beta2 v + (1 - beta2) (f g)^2
 *     w' = (1 - rate decay) w - rate m' / (1 - beta1^t) / (sqrt(v' / (1 - beta2^t)) + epsilon)
 *
 * written with as few passes over the weight as it takes: every number is folded into a scalar first. Decay applies to
 * matrices only, not to one-dimensional norm weights and biases.
 */
export const adamW = (before: Moments, gradient: Tensor, factor: Tensor, numbers: StepNumbers<Tensor>): Moments => {
  const { momentRate, squareRate } = numbers
  const moment = add(mul(before.moment, sub(1, momentRate)), mul(gradient, mul(momentRate, factor)))
  const change = square(mul(gradient, mul(sqrt(squareRate), factor)))
  const mean = add(mul(before.square, sub(1, squareRate)), change)
  const direction = div(mul(moment, numbers.stepSize), add(sqrt(mean), numbers.epsilon))
  const kept = before.weight.shape.length > 1 ? mul(before.weight, numbers.shrink) : before.weight
  return { weight: sub(kept, direction), moment, square: mean }
}
