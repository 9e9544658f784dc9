/**
 * Attention of newly generated tokens to their prompt and to what was generated before.
 *
 * Keys and values lie in parts that are read in place, since growing a tensor copies it:
 *   - the prompt's, computed once per prompt and shared by its candidates, whose queries are rows of one product;
 *   - per candidate, those of finished chunks of the response;
 *   - per candidate, those of the current chunk, which alone grow with every token.
 * Every row has generated equally many tokens, so only the prompt part, where prompts are padded, needs a mask.
 */
import { dimAt } from "../onnx/Broadcast.ts"
import type { Tensor } from "../onnx/Graph.ts"
import { add } from "../onnx/ops/Arithmetic.ts"
import { concat, split } from "../onnx/ops/Join.ts"
import { reshape, swapAxes, transpose } from "../onnx/ops/Layout.ts"
import { matMul } from "../onnx/ops/MatMul.ts"
import { softmax } from "../onnx/ops/Softmax.ts"
import type { Attend } from "./Llama.ts"
import type { LlamaConfig } from "./LlamaConfig.ts"
import { present } from "./Present.ts"

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
}

/**
 * Attention for one new token per candidate, [prompts * candidates] rows in all.
 *
 * @param extended receives each layer's current chunk with the new token appended.
 */
export const cachedAttention = (config: LlamaConfig, caches: Caches, extended: Array<LayerCache>): Attend => {
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
    const scores = [
      apart(add(matMul(joined(queries), prompt.key), caches.prompt.mask)),
      ...parts.map((part) => matMul(queries, swapAxes(part.key, -1, -2)))
    ]
    const attention = softmax(concat(scores, -1))
    const [onPrompt, ...onParts] = split(attention, -1, scores.map((score) => dimAt(score, 4)))
    const context = onParts.reduce(
      (sum, weights, index) => add(sum, matMul(weights, present(parts[index], "part of the cache").value)),
      apart(matMul(joined(present(onPrompt, "attention to the prompt")), prompt.value))
    )
    return reshape(transpose(context, [0, 2, 1, 3, 4]), query.shape)
  }
}
