/**
 * Attention of newly generated tokens to their prompt and to what was generated before.
 *
 * Keys and values lie in parts that are read in place, since growing a tensor copies it:
 *   - the prompt's, computed once per prompt and shared by its candidates, whose queries are rows of one product;
 *   - per candidate, those of finished chunks of the response;
 *   - per candidate, those of the current chunk, which alone grow with every token.
 * Every row has generated equally many tokens, so only the prompt part, where prompts are padded, needs a mask; layers
 * with a sliding window mask what lies behind it in every part.
 */
import { dimAt } from "../../onnx/Broadcast.ts"
import { type Dim, subtractDims } from "../../onnx/Dimension.ts"
import type { Tensor } from "../../onnx/Graph.ts"
import { add, sub } from "../../onnx/ops/Arithmetic.ts"
import { range, zeros } from "../../onnx/ops/Fill.ts"
import { concat, split } from "../../onnx/ops/Join.ts"
import { expand, reshape, swapAxes, transpose, unsqueeze } from "../../onnx/ops/Layout.ts"
import { cast, greaterOrEqual, where } from "../../onnx/ops/Logic.ts"
import { matMul } from "../../onnx/ops/MatMul.ts"
import { softmax } from "../../onnx/ops/Softmax.ts"
import { present } from "../Present.ts"
import type { Attend } from "./Decoder.ts"
import { type ModelConfig, windowOf } from "./ModelConfig.ts"

/** Keys and values of one layer. */
export interface LayerCache {
  readonly key: Tensor
  readonly value: Tensor
}

export interface PromptCache {
  /** Per layer: keys [prompts, keyValueHeads, headSize, promptLength], values [prompts, keyValueHeads, promptLength, headSize]. */
  readonly layers: ReadonlyArray<LayerCache>
  /** 0 at tokens of the prompt, -infinity at padding: [prompts, 1, 1, promptLength]. */
  readonly mask: Tensor
}

/** What one decoded token of each candidate may look at, per layer. */
export interface Caches {
  readonly prompt: PromptCache
  /** Finished chunks: keys and values [prompts, keyValueHeads, candidates, tokens, headSize]. */
  readonly finished: ReadonlyArray<ReadonlyArray<LayerCache>>
  /** The current chunk, of the same shape, without the new token. */
  readonly current: ReadonlyArray<LayerCache>
  /** The new tokens' positions, float32 [prompts]. */
  readonly position: Tensor
}

/**
 * Attention for one new token per candidate, [prompts * candidates] rows in all.
 *
 * @param extended receives each layer's current chunk with the new token appended.
 */
export const cachedAttention = (config: ModelConfig, caches: Caches, extended: Array<LayerCache>): Attend => {
  const { headSize, keyValueHeads: groups } = config
  const group = config.heads / groups
  return ({ key, layer, query, value }) => {
    const before = present(caches.current[layer], `cache of layer ${layer}`)
    const prompt = present(caches.prompt.layers[layer], `prompt cache of layer ${layer}`)
    const [prompts, candidates] = [dimAt(before.key, 0), dimAt(before.key, 2)]
    /** [prompts * candidates, groups * each * headSize] to [prompts, groups, candidates, each, headSize] */
    const perCandidate = (x: Tensor, each: number) =>
      transpose(reshape(x, [prompts, candidates, groups, each, headSize]), [0, 2, 1, 3, 4])
    const own = {
      key: concat([before.key, perCandidate(key, 1)], 3),
      value: concat([before.value, perCandidate(value, 1)], 3)
    }
    extended[layer] = own
    const parts = [...caches.finished.map((chunk) => present(chunk[layer], `finished cache of layer ${layer}`)), own]

    const queries = perCandidate(query, group)
    const joined = (x: Tensor) => reshape(x, [prompts, groups, -1, dimAt(x, 4)])
    const apart = (x: Tensor) => reshape(x, [prompts, groups, candidates, group, dimAt(x, 3)])
    const onParts = parts.map((part) => cast(matMul(queries, swapAxes(part.key, -1, -2)), "float32"))
    const onPrompt = apart(add(cast(matMul(joined(queries), prompt.key), "float32"), caches.prompt.mask))
    const scores = [onPrompt, ...onParts]
    const window = windowOf(config, layer)
    const all = concat(scores, -1)
    const visible = window === undefined
      ? all
      : add(all, maskBehind(caches.position, dimAt(prompt.key, 3), dimAt(all, 4), window))
    const attention = cast(softmax(visible), value.dtype)
    const [forPrompt, ...forParts] = split(attention, -1, scores.map((score) => dimAt(score, 4)))
    const context = forParts.reduce(
      (sum, weights, index) => add(sum, matMul(weights, present(parts[index], "part of the cache").value)),
      apart(matMul(joined(present(forPrompt, "attention to the prompt")), prompt.value))
    )
    return reshape(transpose(context, [0, 2, 1, 3, 4]), query.shape)
  }
}

/**
 * -infinity at tokens that lie behind the window of the new one, else 0: [prompts, 1, 1, 1, promptLength + generated], for
 * prompt tokens at positions 0, 1, ... and generated ones, of which the last is the new token itself.
 */
const maskBehind = (position: Tensor, promptLength: Dim, length: Dim, window: number): Tensor => {
  const { graph } = position
  const generated = subtractDims(length, promptLength)
  const onPrompt = sub(unsqueeze(position, [1]), unsqueeze(range(graph, "float32", promptLength), [0]))
  const onGenerated = unsqueeze(range(graph, "float32", generated, { descending: true }), [0])
  const back = concat([onPrompt, expand(onGenerated, [dimAt(position, 0), generated])], 1)
  return unsqueeze(where(greaterOrEqual(back, window), -Infinity, zeros(graph, "float32", [1, 1])), [1, 2, 3])
}
