/**
 * The Llama forward pass as graph operations: one builder for generating, scoring and training, so the log-probs of a
 * sampled token and of a trained token come from the same formulas.
 *
 *     x_0     = Embedding[token]
 *     x_l'    = x_l  + W_o Attention(RMSNorm(x_l))
 *     x_(l+1) = x_l' + W_down (silu(W_gate z) * W_up z),   z = RMSNorm(x_l')
 *     logits  = W_head RMSNorm(x_L)
 *
 * Sources: Touvron et al. 2023 (LLaMA), Su et al. 2021 (rotary positions), Ainslie et al. 2023 (grouped queries).
 */
import { dimAt } from "../onnx/Broadcast.ts"
import type { Dim } from "../onnx/Dimension.ts"
import { constant, emit, type Tensor } from "../onnx/Graph.ts"
import { add, cos, mul, neg, silu, sin } from "../onnx/ops/Arithmetic.ts"
import { gather } from "../onnx/ops/Index.ts"
import { concat, split } from "../onnx/ops/Join.ts"
import { flatten, reshape, unsqueeze } from "../onnx/ops/Layout.ts"
import { cast } from "../onnx/ops/Logic.ts"
import { linear } from "../onnx/ops/MatMul.ts"
import { scope } from "../onnx/Scope.ts"
import { float32, int64 } from "../onnx/TensorData.ts"
import type { LlamaConfig } from "./LlamaConfig.ts"
import { present } from "./Present.ts"
import { rmsNorm } from "./RmsNorm.ts"

/** A weight by its HuggingFace name, as a tensor of the program under construction. */
export type Weights = (name: string) => Tensor

/** Cosines and sines of rotary angles, [length, headSize / 2]: the angles of tokens that stand as [batch, length]. */
export interface Rotation {
  readonly batch: Dim
  readonly cos: Tensor
  readonly sin: Tensor
}

/** Queries [tokens, heads * headSize], keys and values [tokens, keyValueHeads * headSize] of a layer; queries are scaled. */
export interface Projections {
  readonly layer: number
  readonly query: Tensor
  readonly key: Tensor
  readonly value: Tensor
}

/** Mixes values by attention: [tokens, heads * headSize]. How depends on what the program keeps of earlier tokens. */
export type Attend = (projections: Projections) => Tensor

/** Rows of the embedding table: [tokens, hiddenSize], of token ids of any shape. */
export const embed = (weights: Weights, tokens: Tensor): Tensor =>
  scope("embedding", () => gather(weights("model.embed_tokens.weight"), cast(flatten(tokens, 0), "int64")))

/**
 * Angles position / theta^(2i / headSize), for i below headSize / 2.
 *
 * @param positions float32 [length]
 * @param batch how many rows of `length` tokens have these positions.
 */
export const rotationAt = (config: LlamaConfig, positions: Tensor, batch: Dim): Rotation => {
  const half = config.headSize / 2
  const frequencies = Float32Array.from({ length: half }, (_, i) => config.ropeTheta ** (-2 * i / config.headSize))
  const angles = mul(unsqueeze(positions, [1]), constant(positions.graph, float32([half], frequencies)))
  return { batch, cos: cos(angles), sin: sin(angles) }
}

/** Rotates each pair (x_i, x_(i + headSize/2)) of every head by its position's angle: x [tokens, heads * headSize]. */
const rotate = (x: Tensor, rotation: Rotation): Tensor => {
  const length = dimAt(rotation.cos, 0)
  return flatten(rotateRows(reshape(x, [rotation.batch, length, dimAt(x, 1)]), rotation), 0, 2)
}

/** onnxruntime's kernel for it: x [batch, length, heads * headSize], row i of the tables for token i of each row. */
const rotateRows = (x: Tensor, rotation: Rotation): Tensor =>
  emit({
    op: "RotaryEmbedding",
    domain: "com.microsoft",
    inputs: [x, constant(x.graph, int64([1], [0])), rotation.cos, rotation.sin],
    dtype: x.dtype,
    shape: x.shape,
    differentiable: [x],
    // The transpose of a rotation is the rotation by the opposite angle.
    gradient: (dy) => [rotateRows(dy, { ...rotation, sin: neg(rotation.sin) })]
  })

/** Runs all layers over hidden states [tokens, hiddenSize]. */
export const decoderLayers = (
  config: LlamaConfig,
  weights: Weights,
  embedded: Tensor,
  rotation: Rotation,
  attend: Attend
): Tensor => {
  let hidden = embedded
  for (let layer = 0; layer < config.layers; layer++) {
    hidden = scope(`layers.${layer}`, () => {
      const attended = scope("attention", () => attend(project(config, weights, layer, hidden, rotation)))
      return feedForward(
        config,
        weights,
        layer,
        add(hidden, linear(attended, weights(`${prefix(layer)}.self_attn.o_proj.weight`)))
      )
    })
  }
  return hidden
}

/** The last axis cut into pieces of these sizes. */
const splitInTwo = (x: Tensor, first: number, second: number): readonly [Tensor, Tensor] => {
  const [a, b] = split(x, -1, [first, second])
  return [present(a, "first piece"), present(b, "second piece")]
}

const prefix = (layer: number) => `model.layers.${layer}`

/** Queries, keys and values of a layer, in one matrix product; queries and keys rotated to their positions. */
export const project = (
  config: LlamaConfig,
  weights: Weights,
  layer: number,
  hidden: Tensor,
  rotation: Rotation
): Projections => {
  const { headSize, heads, keyValueHeads } = config
  const weight = (name: string) => weights(`${prefix(layer)}.self_attn.${name}_proj.weight`)
  const normed = rmsNorm(hidden, weights(`${prefix(layer)}.input_layernorm.weight`), config.normEpsilon)
  // Scaling the weight rather than the scores: 1 / sqrt(headSize) is applied to the smallest tensor it can be.
  const joint = concat([mul(weight("q"), headSize ** -0.5), weight("k"), weight("v")], 0)
  const projected = linear(normed, joint)
  const [queries, keys] = [heads * headSize, keyValueHeads * headSize]
  const [unturned, value] = splitInTwo(projected, queries + keys, keys)
  const [query, key] = splitInTwo(rotate(unturned, rotation), queries, keys)
  return { layer, query, key, value }
}

/** The gated feed-forward block with its residual connection. */
const feedForward = (config: LlamaConfig, weights: Weights, layer: number, hidden: Tensor): Tensor =>
  scope("mlp", () => {
    const weight = (name: string) => weights(`${prefix(layer)}.mlp.${name}_proj.weight`)
    const normed = rmsNorm(hidden, weights(`${prefix(layer)}.post_attention_layernorm.weight`), config.normEpsilon)
    const joint = linear(normed, concat([weight("gate"), weight("up")], 0))
    const [gate, up] = splitInTwo(joint, config.intermediateSize, config.intermediateSize)
    return add(hidden, linear(mul(silu(gate), up), weight("down")))
  })

/** Next-token logits [tokens, vocabularySize] of hidden states [tokens, hiddenSize]. */
export const logitsOf = (config: LlamaConfig, weights: Weights, hidden: Tensor): Tensor =>
  scope("head", () =>
    linear(
      rmsNorm(hidden, weights("model.norm.weight"), config.normEpsilon),
      weights(config.tiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight")
    ))
