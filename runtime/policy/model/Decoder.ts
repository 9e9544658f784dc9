/**
 * The decoder of every family as graph operations: one builder for generating, scoring and training, so the log-probs of
 * a sampled token and of a trained token come from the same formulas.
 *
 *     x_0     = Embedding[token]
 *     x_l'    = x_l  + W_o Attention(RMSNorm(x_l))
 *     x_(l+1) = x_l' + W_down (silu(W_gate z) * W_up z),   z = RMSNorm(x_l')
 *     logits  = W_head RMSNorm(x_L)
 *
 * What differs between families is data (ModelConfig.ts, architectures/). Sources: Touvron et al. 2023 (LLaMA), Ainslie
 * et al. 2023 (grouped queries), Jiang et al. 2023 (sliding window), Qwen team 2024 and 2025 (biases, query and key norms).
 */
import { type OneEach, oneEach, type Tensor } from "../../onnx/Graph.ts"
import { add, mul, silu } from "../../onnx/ops/Arithmetic.ts"
import { gather } from "../../onnx/ops/Index.ts"
import { flatten, reshape } from "../../onnx/ops/Layout.ts"
import { cast } from "../../onnx/ops/Logic.ts"
import { recompute } from "../../onnx/Recompute.ts"
import { scope } from "../../onnx/Scope.ts"
import { present } from "../Present.ts"
import { layerName, type LinearLayer, type ModelConfig, moduleName } from "./ModelConfig.ts"
import { rmsNorm } from "./RmsNorm.ts"
import { rotate, type Rotation, stretched } from "./Rotary.ts"
import type { Weights } from "./Weights.ts"

/** Queries [tokens, heads * headSize], keys and values [tokens, keyValueHeads * headSize] of a layer; queries are scaled. */
export interface Projections {
  readonly layer: number
  readonly query: Tensor
  readonly key: Tensor
  readonly value: Tensor
}

/** Mixes values by attention: [tokens, heads * headSize]. How depends on what the program keeps of earlier tokens. */
export type Attend = (projections: Projections) => Tensor

export interface LayerOptions {
  readonly rows?: Tensor
  readonly recompute?: boolean
}

/** Rows of the embedding table: [tokens, hiddenSize], of token ids of any shape. */
export const embed = (weights: Weights, tokens: Tensor): Tensor =>
  scope(
    "embedding",
    () =>
      cast(
        gather(weights.tensor("model.embed_tokens.weight"), cast(flatten(tokens, 0), "int64"), 0, { fromFront: true }),
        weights.dtype
      )
  )

/**
 * Runs all layers over hidden states [tokens, hiddenSize].
 *
 * @param options.rows int64 [wanted]: the only tokens whose result is wanted. Behind the last attention nothing is
 * computed for the others.
 * @param options.recompute keep only the hidden states between layers for the backward pass, and compute each layer again.
 */
export const decoderLayers = (
  config: ModelConfig,
  weights: Weights,
  embedded: Tensor,
  rotation: Rotation,
  attend: Attend,
  options: LayerOptions = {}
): Tensor => {
  let hidden = embedded
  for (let layer = 0; layer < config.layers; layer++) {
    const rows = layer === config.layers - 1 ? options.rows : undefined
    const build = ([x]: readonly [Tensor]) => decoderLayer(config, weights, layer, x, rotation, attend, rows)
    hidden = options.recompute === true ? recompute([hidden], build) : build([hidden])
  }
  return hidden
}

/** One block: attention and feed-forward, each with its residual connection; of some rows only, where they are given. */
export const decoderLayer = (
  config: ModelConfig,
  weights: Weights,
  layer: number,
  hidden: Tensor,
  rotation: Rotation,
  attend: Attend,
  rows?: Tensor
): Tensor =>
  scope(`layers.${layer}`, () => {
    const attended = scope("attention", () => {
      const context = attend(project(config, weights, layer, hidden, rotation))
      const wanted = (x: Tensor) => rows === undefined ? x : gather(x, rows, 0, { fromFront: true })
      const [mixed] = linearOf(weights, layer, wanted(context), "o_proj")
      return add(wanted(hidden), mixed)
    })
    return feedForward(config, weights, layer, attended)
  })

/** Linear layers of a block that read the same input. */
const linearOf = <const Layers extends ReadonlyArray<LinearLayer>>(
  weights: Weights,
  layer: number,
  x: Tensor,
  ...layers: Layers
): OneEach<Layers> => {
  const products = weights.linear(x, layers.map((linear) => moduleName(layer, linear)))
  return oneEach(layers, (linear, index) => present(products[index], linear))
}

/** Queries, keys and values of a layer; queries and keys rotated to their positions, queries by 1 / sqrt(headSize). */
export const project = (
  config: ModelConfig,
  weights: Weights,
  layer: number,
  hidden: Tensor,
  rotation: Rotation
): Projections => {
  const norm = weights.tensor(`${layerName(layer)}.input_layernorm.weight`)
  const normed = rmsNorm(hidden, norm, config.normEpsilon)
  const [query, key, value] = linearOf(weights, layer, normed, "q_proj", "k_proj", "v_proj")
  const normedHeads = (x: Tensor, name: "q_norm" | "k_norm"): Tensor =>
    config.queryKeyNorm === true
      ? reshape(
        rmsNorm(
          reshape(x, [-1, config.headSize]),
          weights.tensor(`${layerName(layer)}.self_attn.${name}.weight`),
          config.normEpsilon
        ),
        x.shape
      )
      : x
  return {
    layer,
    // Scaling the angles' tables rather than the scores: 1 / sqrt(headSize) is applied to the smallest tensor it can be.
    query: rotate(normedHeads(query, "q_norm"), stretched(rotation, config.headSize ** -0.5)),
    key: rotate(normedHeads(key, "k_norm"), rotation),
    value
  }
}

/** The gated feed-forward block with its residual connection. */
const feedForward = (config: ModelConfig, weights: Weights, layer: number, hidden: Tensor): Tensor =>
  scope("mlp", () => {
    const norm = weights.tensor(`${layerName(layer)}.post_attention_layernorm.weight`)
    const normed = rmsNorm(hidden, norm, config.normEpsilon)
    const [gate, up] = linearOf(weights, layer, normed, "gate_proj", "up_proj")
    const [down] = linearOf(weights, layer, mul(silu(gate), up), "down_proj")
    return add(hidden, down)
  })

/** The hidden states that the language-model head reads: [tokens, hiddenSize]. */
export const finalNorm = (config: ModelConfig, weights: Weights, hidden: Tensor): Tensor =>
  scope("head", () => rmsNorm(hidden, weights.tensor("model.norm.weight"), config.normEpsilon))

/** The weight of the language-model head: [vocabularySize, hiddenSize]. */
export const headWeight = (config: ModelConfig, weights: Weights): Tensor =>
  weights.tensor(config.tiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight")
