/**
 * Attention of newly generated tokens to their prompt and to what was generated before.
 *
 * The prompt's keys and values are computed once per prompt and shared by its candidates: their queries are rows of one
 * matrix product. Only what a candidate generated itself is kept per candidate, and grows by one token a step. Every
 * row has generated equally many tokens, so that part needs no mask; in the prompt part the padding is masked.
 */
import type { Tensor } from "../onnx/Graph.ts"
import { add } from "../onnx/ops/Arithmetic.ts"
import { concat, split } from "../onnx/ops/Join.ts"
import { reshape, swapAxes, transpose, unsqueeze } from "../onnx/ops/Layout.ts"
import { matMul } from "../onnx/ops/MatMul.ts"
import { softmax } from "../onnx/ops/Softmax.ts"
import { type Attend, grouped, ungrouped } from "./Llama.ts"
import type { LlamaConfig } from "./LlamaConfig.ts"

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

/**
 * Attention for one new token per candidate: projections [prompts, candidates, heads, headSize].
 *
 * @param past per layer, keys and values [prompts, keyValueHeads, candidates, generated, headSize].
 * @param extended receives each layer's cache with the new token appended.
 */
export const cachedAttention = (
  config: LlamaConfig,
  prompt: PromptCache,
  past: ReadonlyArray<LayerCache>,
  extended: Array<LayerCache>
): Attend =>
({ key, layer, query, value }) => {
  const ofPrompt = prompt.layers[layer] as LayerCache
  const before = past[layer] as LayerCache
  const append = (cache: Tensor, fresh: Tensor) => concat([cache, unsqueeze(transpose(fresh, [0, 2, 1, 3]), [3])], 3)
  const own = { key: append(before.key, key), value: append(before.value, value) }
  extended[layer] = own

  const perGroup = transpose(grouped(config, query), [0, 2, 1, 3, 4])
  const [prompts, groups, candidates, group, size] = perGroup.shape as [string, number, string, number, number]
  const [promptLength, generated] = [ofPrompt.value.shape[2] ?? 1, own.value.shape[3] ?? 1]
  const rows = (x: Tensor) => reshape(x, [prompts, groups, -1, x.shape[4] ?? 1])
  const perCandidate = (x: Tensor) => reshape(x, [prompts, groups, candidates, group, x.shape[3] ?? 1])

  const toPrompt = perCandidate(add(matMul(rows(perGroup), ofPrompt.key), prompt.mask))
  const toOwn = matMul(perGroup, swapAxes(own.key, -1, -2))
  const attention = softmax(concat([toPrompt, toOwn], -1))
  const [onPrompt, onOwn] = split(attention, -1, [promptLength, generated]) as [Tensor, Tensor]
  const context = add(perCandidate(matMul(rows(onPrompt), ofPrompt.value)), matMul(onOwn, own.value))
  return ungrouped(reshape(transpose(context, [0, 2, 1, 3, 4]), [prompts, candidates, groups, group, size]))
}
