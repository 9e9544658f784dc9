/** Attention over whole sequences: every position sees itself and those before it, as far back as its layer's window. */
import { dimAt } from "../../onnx/Broadcast.ts"
import { emit, type Tensor } from "../../onnx/Graph.ts"
import { add, mul, sub } from "../../onnx/ops/Arithmetic.ts"
import { range, zeros } from "../../onnx/ops/Fill.ts"
import { reshape, swapAxes, transpose, unsqueeze } from "../../onnx/ops/Layout.ts"
import { cast, greaterOrEqual, less, or, where } from "../../onnx/ops/Logic.ts"
import { matMul } from "../../onnx/ops/MatMul.ts"
import { reduceSum } from "../../onnx/ops/Reduce.ts"
import { softmax } from "../../onnx/ops/Softmax.ts"
import { type Attend, decoderLayers, embed } from "./Decoder.ts"
import { type ModelConfig, windowOf } from "./ModelConfig.ts"
import { type Rotation, rotationAt } from "./Rotary.ts"
import type { Weights } from "./Weights.ts"

/** 0 where a position may look, -infinity where it may not: [length, length]. */
const causalMask = (tokens: Tensor, window: number | undefined): Tensor => {
  const positions = range(tokens.graph, "float32", dimAt(tokens, 1))
  const back = sub(unsqueeze(positions, [1]), unsqueeze(positions, [0]))
  const future = less(back, 0)
  const hidden = window === undefined ? future : or(future, greaterOrEqual(back, window))
  return where(hidden, -Infinity, zeros(tokens.graph, "float32", [1, 1]))
}

/**
 * Attention for tokens [batch, length]. Query heads that share a key/value head are rows of one matrix product, so keys
 * and values are never repeated. Softmax is computed in float32 whatever the type of activations.
 */
export const causalAttention = (config: ModelConfig, tokens: Tensor): Attend => {
  const masks = new Map<number | undefined, Tensor>()
  const maskOf = (window: number | undefined): Tensor => {
    const mask = masks.get(window) ?? causalMask(tokens, window)
    masks.set(window, mask)
    return mask
  }
  const [batch, length] = [dimAt(tokens, 0), dimAt(tokens, 1)]
  const { headSize, keyValueHeads: groups } = config
  const group = config.heads / groups
  return ({ key, layer, query, value }) => {
    const queries = transpose(reshape(query, [batch, length, groups, group, headSize]), [0, 2, 3, 1, 4])
    const keys = transpose(reshape(key, [batch, length, groups, headSize]), [0, 2, 3, 1])
    const values = transpose(reshape(value, [batch, length, groups, headSize]), [0, 2, 1, 3])
    const scores = cast(matMul(reshape(queries, [batch, groups, -1, headSize]), keys), "float32")
    const masked = add(reshape(scores, [batch, groups, group, length, length]), maskOf(windowOf(config, layer)))
    const context = mixValues(reshape(masked, [batch, groups, -1, length]), values)
    return reshape(transpose(reshape(context, [batch, groups, group, length, headSize]), [0, 3, 1, 2, 4]), query.shape)
  }
}

/**
 * Y = P V with P = softmax(S), for scores S float32 [batch, groups, queries, length] and values V of the type of activations.
 *
 *     dV = P^T dY        dS = P * (dY V^T - D),    D = sum_k dP_k P_k = sum_j dY_j Y_j
 *
 * The row sums D of the softmax's gradient are taken over the size of a head rather than over all positions (Dao et al.
 * 2022), which spares two of four passes over the largest tensors of the backward pass.
 */
const mixValues = (scores: Tensor, values: Tensor): Tensor => {
  const attention = softmax(scores)
  const mixed = matMul(cast(attention, values.dtype), values)
  return emit({
    op: "Identity",
    inputs: [mixed],
    dtype: mixed.dtype,
    shape: mixed.shape,
    differentiable: [scores, values],
    gradient: (dy) => {
      const rowSums = reduceSum(cast(mul(dy, mixed), "float32"), { axes: [-1], keepDims: true })
      const dAttention = cast(matMul(dy, swapAxes(values, -1, -2)), "float32")
      return [
        mul(attention, sub(dAttention, rowSums)),
        matMul(swapAxes(cast(attention, values.dtype), -1, -2), dy)
      ]
    }
  })
}

export interface HiddenOptions {
  /** int [wanted] in the flattened [batch * length]: the only positions whose hidden states are wanted. */
  readonly positions?: Tensor
  /** Compute each layer again in the backward pass rather than keep what is inside it. */
  readonly recompute?: boolean
}

/** Hidden states [wanted, hiddenSize] after all layers, of tokens int32 [batch, length] padded on the right. */
export const hiddenStates = (
  config: ModelConfig,
  weights: Weights,
  tokens: Tensor,
  { positions, recompute = false }: HiddenOptions = {}
): Tensor =>
  decoderLayers(
    config,
    weights,
    embed(weights, tokens),
    rotationOf(config, tokens),
    causalAttention(config, tokens),
    { recompute, ...(positions !== undefined && { rows: cast(positions, "int64") }) }
  )

/** The rotation of tokens [batch, length] that stand at positions 0, 1, ... */
export const rotationOf = (config: ModelConfig, tokens: Tensor): Rotation => {
  const [batch, length] = [dimAt(tokens, 0), dimAt(tokens, 1)]
  return rotationAt(config, range(tokens.graph, "float32", length), batch)
}
