/** onnxruntime's fused kernel for cached attention (com.microsoft.GroupQueryAttention): each candidate holds its prompt's cache too. */
import { dimAt } from "../../runtime/onnx/Broadcast.ts"
import { addDims } from "../../runtime/onnx/Dimension.ts"
import { emitMany, type Graph, type Tensor } from "../../runtime/onnx/Graph.ts"
import { add } from "../../runtime/onnx/ops/Arithmetic.ts"
import { pad } from "../../runtime/onnx/ops/Join.ts"
import { expand, flatten, reshape, swapAxes, unsqueeze } from "../../runtime/onnx/ops/Layout.ts"
import { cast } from "../../runtime/onnx/ops/Logic.ts"
import { reduceMax } from "../../runtime/onnx/ops/Reduce.ts"
import { assume } from "../../runtime/onnx/ops/Shape.ts"
import type { LayerCache, PromptCache } from "../../runtime/policy/model/CachedAttention.ts"
import type { ModelConfig } from "../../runtime/policy/model/ModelConfig.ts"
import { present } from "../../runtime/policy/Present.ts"
import type { CacheVariant } from "./CacheVariant.ts"

const rows = "prompts*candidates"

/** The prompts' caches, once per candidate: [prompts * candidates, groups, promptLength, headSize]. */
const repeated = (config: ModelConfig, prompt: PromptCache): ReadonlyArray<LayerCache> =>
  prompt.layers.map(({ key, value }) => {
    const repeat = (x: Tensor) =>
      flatten(
        expand(unsqueeze(x, [1]), ["prompts", "candidates", config.keyValueHeads, dimAt(x, 2), config.headSize]),
        0,
        2
      )
    return { key: repeat(swapAxes(key, -1, -2)), value: repeat(value) }
  })

const kernel = (
  config: ModelConfig,
  { key, query, value }: { readonly key: Tensor; readonly query: Tensor; readonly value: Tensor },
  past: LayerCache,
  lengths: Tensor,
  total: Tensor,
  grown: Tensor["shape"]
) => {
  const token = (x: Tensor) => reshape(x, [rows, 1, dimAt(x, 1)])
  const [context, nextKey, nextValue] = emitMany({
    op: "GroupQueryAttention",
    domain: "com.microsoft",
    inputs: [token(query), token(key), token(value), past.key, past.value, lengths, total],
    attributes: {
      num_heads: { int: config.heads },
      kv_num_heads: { int: config.keyValueHeads },
      // Queries come scaled.
      scale: { float: 1 }
    },
    outputs: [
      { dtype: "float32", shape: [rows, 1, config.heads * config.headSize] },
      { dtype: "float32", shape: grown },
      { dtype: "float32", shape: grown }
    ]
  })
  return { context: reshape(context, query.shape), extended: { key: nextKey, value: nextValue } }
}

const variant = (
  name: string,
  start: (program: Graph, caches: ReadonlyArray<LayerCache>) => ReadonlyArray<LayerCache>,
  length: (before: Tensor) => Tensor["shape"][number],
  declared: string
): CacheVariant => ({
  name,
  start: (program, config, prompt) => start(program, repeated(config, prompt)),
  shape: (config) => [rows, config.keyValueHeads, declared, config.headSize],
  attend: ({ config, extended, promptLengths, state, step }) => {
    const now = add(promptLengths, cast(step, "int32"))
    // Of each row the tokens in the cache with the new one, less 1; and the longest row.
    const before = add(now, -1)
    const lengths = flatten(expand(unsqueeze(before, [1]), ["prompts", "candidates"]), 0)
    const total = reduceMax(now, { axes: [0] })
    return ({ layer, ...projections }) => {
      const past = present(state[layer], "cache")
      const grown = [rows, config.keyValueHeads, length(past.key), config.headSize]
      const { context, extended: next } = kernel(config, projections, past, lengths, total, grown)
      extended[layer] = next
      return context
    }
  }
})

export const groupQueryCaches: ReadonlyArray<CacheVariant> = [
  variant("GroupQueryAttention, growing", (_, caches) => caches, (past) => addDims(dimAt(past, 2), 1), "length"),
  variant(
    "GroupQueryAttention, preallocated",
    (_, caches) =>
      caches.map(({ key, value }) => {
        const whole = (x: Tensor) => assume(pad(x, 2, 0, "steps"), [rows, dimAt(x, 1), "capacity", dimAt(x, 3)])
        return { key: whole(key), value: whole(value) }
      }),
    () => "capacity",
    "capacity"
  )
]
