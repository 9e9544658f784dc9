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
import { constant, type Tensor } from "../onnx/Graph.ts"
import { add, cos, mul, silu, sin, sub } from "../onnx/ops/Arithmetic.ts"
import { gather } from "../onnx/ops/Index.ts"
import { concat, split } from "../onnx/ops/Join.ts"
import { flatten, reshape, unsqueeze } from "../onnx/ops/Layout.ts"
import { cast } from "../onnx/ops/Logic.ts"
import { linear } from "../onnx/ops/MatMul.ts"
import { scope } from "../onnx/Scope.ts"
import { float32 } from "../onnx/TensorData.ts"
import type { LlamaConfig } from "./LlamaConfig.ts"
import { rmsNorm } from "./RmsNorm.ts"

/** A weight by its HuggingFace name, as a tensor of the program under construction. */
export type Weights = (name: string) => Tensor

/** Cosine and sine of the rotary angles, [..., 1, headSize / 2]: broadcast over the heads. */
export interface Rotation {
  readonly cos: Tensor
  readonly sin: Tensor
}

/** Queries [..., heads, headSize], keys and values [..., keyValueHeads, headSize] of one layer; queries are scaled. */
export interface Projections {
  readonly layer: number
  readonly query: Tensor
  readonly key: Tensor
  readonly value: Tensor
}

/** Mixes values by attention: [..., heads * headSize]. How depends on what the program keeps of earlier tokens. */
export type Attend = (projections: Projections) => Tensor

/** Rows of the embedding table: tokens [...] to [..., hiddenSize]. */
export const embed = (weights: Weights, tokens: Tensor): Tensor =>
  scope("embedding", () => gather(weights("model.embed_tokens.weight"), cast(tokens, "int64")))

/** Angles of positions (float32 [...]): position / theta^(2i / headSize), for i below headSize / 2. */
export const rotationAt = (config: LlamaConfig, positions: Tensor): Rotation => {
  const half = config.headSize / 2
  const frequencies = Float32Array.from({ length: half }, (_, i) => config.ropeTheta ** (-2 * i / config.headSize))
  const angles = mul(unsqueeze(positions, [-1, -2]), constant(positions.graph, float32([half], frequencies)))
  return { cos: cos(angles), sin: sin(angles) }
}

/** Rotates each pair (x_i, x_(i + headSize/2)) by its position's angle. */
const rotate = (x: Tensor, rotation: Rotation): Tensor => {
  const half = (x.shape.at(-1) as number) / 2
  const [a, b] = split(x, -1, [half, half]) as [Tensor, Tensor]
  return concat([
    sub(mul(a, rotation.cos), mul(b, rotation.sin)),
    add(mul(b, rotation.cos), mul(a, rotation.sin))
  ], -1)
}

/** Runs all layers over hidden states [..., hiddenSize]. */
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
      return feedForward(config, weights, layer, add(hidden, linear(attended, weights(`${prefix(layer)}.self_attn.o_proj.weight`))))
    })
  }
  return hidden
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
  const perHead = reshape(projected, [...projected.shape.slice(0, -1), heads + 2 * keyValueHeads, headSize])
  const [turned, value] = split(perHead, -2, [heads + keyValueHeads, keyValueHeads]) as [Tensor, Tensor]
  const [query, key] = split(rotate(turned, rotation), -2, [heads, keyValueHeads]) as [Tensor, Tensor]
  return { layer, query, key, value }
}

/** The gated feed-forward block with its residual connection. */
const feedForward = (config: LlamaConfig, weights: Weights, layer: number, hidden: Tensor): Tensor =>
  scope("mlp", () => {
    const weight = (name: string) => weights(`${prefix(layer)}.mlp.${name}_proj.weight`)
    const normed = rmsNorm(hidden, weights(`${prefix(layer)}.post_attention_layernorm.weight`), config.normEpsilon)
    const joint = linear(normed, concat([weight("gate"), weight("up")], 0))
    const [gate, up] = split(joint, -1, [config.intermediateSize, config.intermediateSize]) as [Tensor, Tensor]
    return add(hidden, linear(mul(silu(gate), up), weight("down")))
  })

/** Next-token logits [..., vocabularySize] of hidden states. */
export const logitsOf = (config: LlamaConfig, weights: Weights, hidden: Tensor): Tensor =>
  scope("head", () =>
    linear(
      rmsNorm(hidden, weights("model.norm.weight"), config.normEpsilon),
      weights(config.tiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight")
    ))

/** Heads split into their key/value groups: [..., heads, headSize] to [..., keyValueHeads, group, headSize]. */
export const grouped = (config: LlamaConfig, query: Tensor): Tensor =>
  reshape(query, [...query.shape.slice(0, -2), config.keyValueHeads, config.heads / config.keyValueHeads, config.headSize])

/** Heads side by side again: [..., keyValueHeads, group, headSize] to [..., heads * headSize]. */
export const ungrouped = (context: Tensor): Tensor => flatten(context, context.shape.length - 3)
