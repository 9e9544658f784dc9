/** The model over prompts at once, and over one new token per candidate. */
import { dimAt } from "../../onnx/Broadcast.ts"
import type { Dim } from "../../onnx/Dimension.ts"
import type { Tensor } from "../../onnx/Graph.ts"
import { sub } from "../../onnx/ops/Arithmetic.ts"
import { range, zeros } from "../../onnx/ops/Fill.ts"
import { expand, flatten, reshape, transpose, unsqueeze } from "../../onnx/ops/Layout.ts"
import { less, where } from "../../onnx/ops/Logic.ts"
import { logitsOf } from "../head/TokenLogProbs.ts"
import { cachedAttention, type Caches, type LayerCache } from "../model/CachedAttention.ts"
import { causalAttention, rotationOf } from "../model/CausalAttention.ts"
import { decoderLayers, embed, project, type Projections } from "../model/Decoder.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { rotationAt } from "../model/Rotary.ts"
import type { Weights } from "../model/Weights.ts"

/**
 * Keys and values of prompts in every layer: `tokens` int32 [prompts, promptLength] padded on the right. The last layer's
 * attention and feed-forward would serve nobody and are left out.
 */
export const prefill = (config: ModelConfig, weights: Weights, tokens: Tensor): ReadonlyArray<LayerCache> => {
  const [prompts, length] = [dimAt(tokens, 0), dimAt(tokens, 1)]
  const layers: Array<LayerCache> = []
  const keep = ({ key, layer, value }: Projections): void => {
    const perHead = (x: Tensor) => reshape(x, [prompts, length, config.keyValueHeads, config.headSize])
    layers[layer] = { key: transpose(perHead(key), [0, 2, 3, 1]), value: transpose(perHead(value), [0, 2, 1, 3]) }
  }
  const attend = causalAttention(config, tokens)
  const rotation = rotationOf(config, tokens)
  const last = config.layers - 1
  const hidden = decoderLayers(
    { ...config, layers: last },
    weights,
    embed(weights, tokens),
    rotation,
    (projections) => {
      keep(projections)
      return attend(projections)
    }
  )
  keep(project(config, weights, last, hidden, rotation))
  return layers
}

/**
 * 0 at tokens of prompts padded to `length`, -infinity at padding: [prompts, 1, 1, length], of `lengths` int32 [prompts]
 * that count one more token each, the one that is decoded first.
 */
export const promptMask = (lengths: Tensor, length: Dim): Tensor => {
  const filled = less(unsqueeze(range(lengths.graph, "int32", length), [0]), unsqueeze(sub(lengths, 1), [1]))
  return unsqueeze(where(filled, zeros(lengths.graph, "float32", [1, 1]), -Infinity), [1, 2])
}

export interface DecodeInputs {
  /** int64 [prompts, candidates] */
  readonly token: Tensor
  readonly caches: Caches
}

/** Next-token logits [prompts, candidates, vocabularySize], and each layer's current chunk with the token appended. */
export const decodeToken = (config: ModelConfig, weights: Weights, { caches, token }: DecodeInputs) => {
  const extended: Array<LayerCache> = []
  const attend = cachedAttention(config, caches, extended)
  const positions = flatten(expand(unsqueeze(caches.position, [1]), token.shape), 0)
  const hidden = decoderLayers(config, weights, embed(weights, token), rotationAt(config, positions, 1), attend)
  const logits = reshape(logitsOf(config, weights, hidden), [...token.shape, config.vocabularySize])
  return { logits, extended }
}
