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
  /** learningRate / (1 - beta1^t) */
  readonly stepSize: Value
  /** 1 - beta1 */
  readonly momentRate: Value
  /** 1 - beta2 */
  readonly squareRate: Value
  /** 1 / sqrt(1 - beta2^t) */
  readonly squareScale: Value
  readonly epsilon: Value
}

export interface Hyperparameters {
  readonly learningRate: number
  readonly weightDecay: number
  readonly clip: number
  readonly betas: readonly [number, number]
  readonly epsilon: number
}

/** The numbers of optimiser step `t` (1-based). */
export const stepNumbers = (hyper: Hyperparameters, t: number): StepNumbers<number> => ({
  clip: hyper.clip,
  shrink: 1 - hyper.learningRate * hyper.weightDecay,
  stepSize: hyper.learningRate / (1 - hyper.betas[0] ** t),
  momentRate: 1 - hyper.betas[0],
  squareRate: 1 - hyper.betas[1],
  squareScale: 1 / Math.sqrt(1 - hyper.betas[1] ** t),
  epsilon: hyper.epsilon
})

/** Numbers that make a step leave weights and moments as they are: while the gradients of a step are still summed up. */
export const idleNumbers = (hyper: Hyperparameters): StepNumbers<number> => ({
  ...stepNumbers(hyper, 1),
  shrink: 1,
  stepSize: 0,
  momentRate: 0,
  squareRate: 0
})

/** A weight with the running means of its gradient and of its gradient's square. */
export interface Trainable {
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
 * One step of AdamW for a weight w with gradient g:
 *
 *     m' = m + (1 - beta1) (g - m)         v' = v + (1 - beta2) (g^2 - v)
 *     w' = (1 - rate decay) w - rate / (1 - beta1^t) m' / (sqrt(v' / (1 - beta2^t)) + epsilon)
 *
 * Decay applies to matrices only, not to the one-dimensional norm weights.
 */
export const adamW = (
  { moment, square: mean, weight }: Trainable,
  gradient: Tensor,
  numbers: StepNumbers<Tensor>
): Trainable => {
  const nextMoment = add(moment, mul(sub(gradient, moment), numbers.momentRate))
  const nextSquare = add(mean, mul(sub(square(gradient), mean), numbers.squareRate))
  const spread = add(mul(sqrt(nextSquare), numbers.squareScale), numbers.epsilon)
  const kept = weight.shape.length > 1 ? mul(weight, numbers.shrink) : weight
  return { weight: sub(kept, mul(div(nextMoment, spread), numbers.stepSize)), moment: nextMoment, square: nextSquare }
}
