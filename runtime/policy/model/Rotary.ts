/**
 * Rotary positions (Su et al. 2021): pair i of a head turns by position * frequency_i, frequency_i = theta^(-2i / headSize),
 * with the ways a context is stretched beyond what a model was pretrained on.
 */
import { dimAt } from "../../onnx/Broadcast.ts"
import type { Dim } from "../../onnx/Dimension.ts"
import { constant, emit, type Tensor } from "../../onnx/Graph.ts"
import { cos, mul, neg, sin } from "../../onnx/ops/Arithmetic.ts"
import { flatten, reshape, unsqueeze } from "../../onnx/ops/Layout.ts"
import { cast } from "../../onnx/ops/Logic.ts"
import { float32, int64 } from "../../onnx/TensorData.ts"
import type { ModelConfig } from "./ModelConfig.ts"

/** How frequencies are lowered. */
export type RotaryScaling =
  /** All by the factor: positions are interpolated (Chen et al. 2023). */
  | { readonly type: "linear"; readonly factor: number }
  /** Only those that turn less than `lowFrequencyFactor` times in the original context, with a ramp (Llama 3.1). */
  | {
    readonly type: "llama3"
    readonly factor: number
    readonly lowFrequencyFactor: number
    readonly highFrequencyFactor: number
    readonly originalContextLength: number
  }

/** Cosines and sines of rotary angles, [length, headSize / 2]: the angles of tokens that stand as [batch, length]. */
export interface Rotation {
  readonly batch: Dim
  readonly cos: Tensor
  readonly sin: Tensor
}

/** The angle of each pair per position, radians: headSize / 2 of them. */
export const rotaryFrequencies = ({ headSize, ropeScaling, ropeTheta }: ModelConfig): ReadonlyArray<number> =>
  Array.from({ length: headSize / 2 }, (_, i) => scaled(ropeTheta ** (-2 * i / headSize), ropeScaling))

const scaled = (frequency: number, scaling: RotaryScaling | undefined): number => {
  switch (scaling?.type) {
    case undefined:
      return frequency
    case "linear":
      return frequency / scaling.factor
    case "llama3": {
      const { factor, highFrequencyFactor: high, lowFrequencyFactor: low, originalContextLength } = scaling
      const turns = originalContextLength * frequency / (2 * Math.PI)
      // 1 where a pair turns often enough to be left alone, 0 where it is interpolated in full.
      const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)))
      return kept * frequency + (1 - kept) * frequency / factor
    }
  }
}

/**
 * The rotation of tokens that stand as [batch, length].
 *
 * @param positions float32 [length]
 * @param batch how many rows of `length` tokens have these positions.
 */
export const rotationAt = (config: ModelConfig, positions: Tensor, batch: Dim): Rotation => {
  const frequencies = rotaryFrequencies(config)
  const angles = mul(unsqueeze(positions, [1]), constant(positions.graph, float32([frequencies.length], frequencies)))
  return { batch, cos: cos(angles), sin: sin(angles) }
}

/** The same turn, of vectors that it also makes longer by a factor. */
export const stretched = (rotation: Rotation, factor: number): Rotation => ({
  ...rotation,
  cos: mul(rotation.cos, factor),
  sin: mul(rotation.sin, factor)
})

/** Rotates each pair (x_i, x_(i + headSize/2)) of every head by its position's angle: x [tokens, heads * headSize]. */
export const rotate = (x: Tensor, rotation: Rotation): Tensor => {
  const length = dimAt(rotation.cos, 0)
  const tables = { ...rotation, cos: cast(rotation.cos, x.dtype), sin: cast(rotation.sin, x.dtype) }
  return flatten(rotateRows(reshape(x, [rotation.batch, length, dimAt(x, 1)]), tables), 0, 2)
}

/** onnxruntime's kernel for it: x [batch, length, heads * headSize], row i of the tables for token i of each row. */
const rotateRows = (x: Tensor, rotation: Rotation): Tensor =>
  emit({
    op: "RotaryEmbedding",
    domain: "com.microsoft",
    inputs: [x, constant(x.graph, int64([1], [0]), "data"), rotation.cos, rotation.sin],
    dtype: x.dtype,
    shape: x.shape,
    differentiable: [x],
    // The transpose of a rotation is the rotation by the opposite angle.
    gradient: (dy) => [rotateRows(dy, { ...rotation, sin: neg(rotation.sin) })]
  })
