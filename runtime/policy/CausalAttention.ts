/** Attention over whole sequences: every position sees itself and those before it. */
import { dimAt } from "../onnx/Broadcast.ts"
import type { Tensor } from "../onnx/Graph.ts"
import { add } from "../onnx/ops/Arithmetic.ts"
import { range, zeros } from "../onnx/ops/Fill.ts"
import { reshape, transpose, unsqueeze } from "../onnx/ops/Layout.ts"
import { greater, where } from "../onnx/ops/Logic.ts"
import { matMul } from "../onnx/ops/MatMul.ts"
import { softmax } from "../onnx/ops/Softmax.ts"
import { type Attend, decoderLayers, embed, type Rotation, rotationAt, type Weights } from "./Llama.ts"
import type { LlamaConfig } from "./LlamaConfig.ts"

/** 0 where a position may look, -infinity where it may not: [length, length]. */
const causalMask = (tokens: Tensor): Tensor => {
  const positions = range(tokens.graph, "float32", dimAt(tokens, 1))
  const future = greater(unsqueeze(positions, [0]), unsqueeze(positions, [1]))
  return where(future, -Infinity, zeros(tokens.graph, "float32", [1, 1]))
}

/**
 * Attention for tokens [batch, length]. Query heads that share a key/value head are rows of one matrix product, so keys
 * and values are never repeated.
 */
export const causalAttention = (config: LlamaConfig, tokens: Tensor): Attend => {
  const mask = causalMask(tokens)
  const [batch, length] = [dimAt(tokens, 0), dimAt(tokens, 1)]
  const { headSize, keyValueHeads: groups } = config
  const group = config.heads / groups
  return ({ key, query, value }) => {
    const queries = transpose(reshape(query, [batch, length, groups, group, headSize]), [0, 2, 3, 1, 4])
    const keys = transpose(reshape(key, [batch, length, groups, headSize]), [0, 2, 3, 1])
    const values = transpose(reshape(value, [batch, length, groups, headSize]), [0, 2, 1, 3])
    const scores = matMul(reshape(queries, [batch, groups, -1, headSize]), keys)
    const attention = softmax(add(reshape(scores, [batch, groups, group, length, length]), mask))
    const context = matMul(reshape(attention, [batch, groups, -1, length]), values)
    return reshape(transpose(reshape(context, [batch, groups, group, length, headSize]), [0, 3, 1, 2, 4]), query.shape)
  }
}

/** Hidden states [batch * length, hiddenSize] after all layers, of tokens int32 [batch, length] padded on the right. */
export const hiddenStates = (config: LlamaConfig, weights: Weights, tokens: Tensor): Tensor =>
  decoderLayers(config, weights, embed(weights, tokens), rotationOf(config, tokens), causalAttention(config, tokens))

/** The rotation of tokens [batch, length] that stand at positions 0, 1, ... */
export const rotationOf = (config: LlamaConfig, tokens: Tensor): Rotation => {
  const [batch, length] = [dimAt(tokens, 0), dimAt(tokens, 1)]
  return rotationAt(config, range(tokens.graph, "float32", length), batch)
}
