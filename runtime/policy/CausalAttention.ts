/** Attention over whole sequences: every position sees itself and those before it. */
import type { Tensor } from "../onnx/Graph.ts"
import { add } from "../onnx/ops/Arithmetic.ts"
import { range, zeros } from "../onnx/ops/Fill.ts"
import { reshape, transpose, unsqueeze } from "../onnx/ops/Layout.ts"
import { greater, where } from "../onnx/ops/Logic.ts"
import { matMul } from "../onnx/ops/MatMul.ts"
import { softmax } from "../onnx/ops/Softmax.ts"
import { type Attend, decoderLayers, embed, grouped, rotationAt, ungrouped, type Weights } from "./Llama.ts"
import type { LlamaConfig } from "./LlamaConfig.ts"

/** 0 where a position may look, -infinity where it may not: [length, length]. */
const causalMask = (tokens: Tensor): Tensor => {
  const positions = range(tokens.graph, "float32", tokens.shape[1] ?? 1)
  const future = greater(unsqueeze(positions, [0]), unsqueeze(positions, [1]))
  return where(future, -Infinity, zeros(tokens.graph, "float32", [1, 1]))
}

/**
 * Attention for tokens [batch, length]. Query heads that share a key/value head are rows of one matrix product, so keys
 * and values are never repeated.
 */
export const causalAttention = (config: LlamaConfig, tokens: Tensor): Attend => {
  const mask = causalMask(tokens)
  return ({ key, query, value }) => {
    const perGroup = transpose(grouped(config, query), [0, 2, 3, 1, 4])
    const [batch, groups, group, length, size] = perGroup.shape as [string, number, number, string, number]
    const rows = reshape(perGroup, [batch, groups, -1, size])
    const scores = matMul(rows, transpose(key, [0, 2, 3, 1]))
    const attention = softmax(add(reshape(scores, [batch, groups, group, length, length]), mask))
    const context = matMul(reshape(attention, [batch, groups, -1, length]), transpose(value, [0, 2, 1, 3]))
    return ungrouped(transpose(reshape(context, [batch, groups, group, length, size]), [0, 3, 1, 2, 4]))
  }
}

/** Hidden states [batch, length, hiddenSize] after all layers, of tokens int32 [batch, length] padded on the right. */
export const hiddenStates = (config: LlamaConfig, weights: Weights, tokens: Tensor): Tensor => {
  const positions = range(tokens.graph, "float32", tokens.shape[1] ?? 1)
  return decoderLayers(config, weights, embed(weights, tokens), rotationAt(config, positions), causalAttention(config, tokens))
}
