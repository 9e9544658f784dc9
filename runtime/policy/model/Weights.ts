/** How the forward pass reaches its weights: the seam where adapters and quantised weights enter. */
import { dimAt } from "../../onnx/Broadcast.ts"
import type { DType } from "../../onnx/DType.ts"
import { type ExternalData, type Graph, input, parameter, type Tensor } from "../../onnx/Graph.ts"
import { add } from "../../onnx/ops/Arithmetic.ts"
import { concat, split } from "../../onnx/ops/Join.ts"
import { cast } from "../../onnx/ops/Logic.ts"
import { linear } from "../../onnx/ops/MatMul.ts"
import type { TensorData } from "../../onnx/TensorData.ts"
import type { ModelConfig } from "./ModelConfig.ts"
import { hasBias, modelTensors } from "./ModelTensors.ts"

/** The weights of a program under construction. */
export interface Weights {
  /** The type of activations: float32, or float16 or bfloat16 where a device computes in it. */
  readonly dtype: DType
  /** A weight by its full name: embeddings, norm weights, biases, matrices. */
  readonly tensor: (name: string) => Tensor
  /**
   * x W^T + b of linear layers that read the same x [..., inputs], each [..., outputs], by the names of their modules:
   * "model.layers.0.self_attn.q_proj".
   */
  readonly linear: (x: Tensor, modules: ReadonlyArray<string>) => ReadonlyArray<Tensor>
}

/** Makes the weights of a program. */
export type WeightSource = (program: Graph) => Weights

/**
 * Weights fixed in the program, each a parameter whose bytes lie in a checkpoint file or in memory.
 *
 * @param dtype the type of those bytes, and that the program computes in.
 */
export const fixedWeights = (
  config: ModelConfig,
  bytesOf: (name: string) => TensorData | ExternalData,
  dtype: DType = "float32"
): WeightSource =>
(program) => weightsFrom(config, (name, dims) => parameter(program, name, dtype, dims, bytesOf(name)), dtype)

/** Float32 weights given at each run, as inputs of their names; the program computes in `dtype`. */
export const inputWeights = (config: ModelConfig, dtype: DType = "float32"): WeightSource => (program) =>
  weightsFrom(config, (name, dims) => input(program, name, "float32", dims), dtype)

/**
 * Weights of which each is a tensor of its own, cast to the type that the program computes in. What `make` gives may be
 * of another type: to train float32 weights in a program that computes in 16 bits, differentiate by what it gave.
 */
export const weightsFrom = (
  config: ModelConfig,
  make: (name: string, dims: ReadonlyArray<number>) => Tensor,
  dtype: DType = "float32"
): Weights => {
  const tensors = new Map([...modelTensors(config)].map(([name, dims]) => [name, cast(make(name, dims), dtype)]))
  const tensor = (name: string): Tensor => {
    const found = tensors.get(name)
    if (found === undefined) {
      throw new Error(`the forward pass asks for a weight ${name} that modelTensors does not list`)
    }
    return found
  }
  return { dtype, tensor, linear: jointLinear(config, tensor) }
}

/** Layers that read the same input as one matrix product: one large product is faster than several small ones. */
const jointLinear = (config: ModelConfig, tensor: (name: string) => Tensor): Weights["linear"] => (x, modules) => {
  const matrices = modules.map((module) => tensor(`${module}.weight`))
  const [only, ...others] = matrices
  const product = linear(x, only !== undefined && others.length === 0 ? only : concat(matrices, 0))
  const parts = others.length === 0 ? [product] : split(product, -1, matrices.map((matrix) => dimAt(matrix, 0)))
  return parts.map((part, index) => {
    const module = modules[index] ?? ""
    return hasBias(config, module) ? add(part, tensor(`${module}.bias`)) : part
  })
}
