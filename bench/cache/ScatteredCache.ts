/** Caches that are allocated at their full length, into which each token is written. */
import { dimAt } from "../../runtime/onnx/Broadcast.ts"
import { sizeOf } from "../../runtime/onnx/Dimension.ts"
import type { Graph, Tensor } from "../../runtime/onnx/Graph.ts"
import { add } from "../../runtime/onnx/ops/Arithmetic.ts"
import { range, zeros } from "../../runtime/onnx/ops/Fill.ts"
import { scatterElements, scatterND } from "../../runtime/onnx/ops/Index.ts"
import { concat, split, stack } from "../../runtime/onnx/ops/Join.ts"
import { expand, reshape, swapAxes, transpose, unsqueeze } from "../../runtime/onnx/ops/Layout.ts"
import { equal, lessOrEqual, where } from "../../runtime/onnx/ops/Logic.ts"
import { matMul } from "../../runtime/onnx/ops/MatMul.ts"
import { softmax } from "../../runtime/onnx/ops/Softmax.ts"
import type { LayerCache, PromptCache } from "../../runtime/policy/model/CachedAttention.ts"
import type { Attend } from "../../runtime/policy/model/Decoder.ts"
import type { ModelConfig } from "../../runtime/policy/model/ModelConfig.ts"
import { present } from "../../runtime/policy/Present.ts"
import type { CacheVariant } from "./CacheVariant.ts"

/** Writes rows [prompts, groups, candidates, 1, headSize] into a cache [prompts, groups, candidates, steps, headSize] at a step. */
type Write = (cache: Tensor, row: Tensor, step: Tensor) => Tensor

const writes: Readonly<Record<string, Write>> = {
  ScatterElements: (cache, row, step) =>
    scatterElements(cache, expand(unsqueeze(step, [0, 1, 2, 3, 4]), row.shape), row, { axis: 3 }),
  ScatterND: (cache, row, step) => {
    const count = sizeOf(cache.shape.slice(0, 3))
    const [steps, size] = [dimAt(cache, 3), dimAt(cache, 4)]
    const at = stack([range(cache.graph, "int64", count), expand(unsqueeze(step, [0]), [count])], 1)
    return reshape(scatterND(reshape(cache, [count, steps, size]), at, reshape(row, [count, size])), cache.shape)
  },
  Where: (cache, row, step) => {
    const here = equal(range(cache.graph, "int64", dimAt(cache, 3)), unsqueeze(step, [0]))
    return where(unsqueeze(here, [0, 1, 2, 4]), row, cache)
  }
}

export const scatteredCaches: ReadonlyArray<CacheVariant> = Object.entries(writes).map(([name, write]) => ({
  name: `preallocated, ${name}`,
  start: (program: Graph, config: ModelConfig) =>
    Array.from({ length: config.layers }, (): LayerCache => {
      const none = zeros(program, "float32", ["prompts", config.keyValueHeads, "candidates", "steps", config.headSize])
      return { key: none, value: none }
    }),
  shape: (config) => ["prompts", config.keyValueHeads, "candidates", "steps", config.headSize],
  attend: ({ config, extended, prompt, state, step }) =>
    scatteredAttention(config, prompt, state, step, write, extended)
}))

const scatteredAttention = (
  config: ModelConfig,
  prompts: PromptCache,
  state: ReadonlyArray<LayerCache>,
  step: Tensor,
  write: Write,
  extended: Array<LayerCache>
): Attend => {
  const { headSize, keyValueHeads: groups } = config
  const group = config.heads / groups
  const [count, candidates, steps] = ["prompts", "candidates", "steps"]
  const graph = step.graph
  const visible = lessOrEqual(range(graph, "int64", steps), step)
  const mask = where(visible, zeros(graph, "float32", [1]), -Infinity)
  return ({ key, layer, query, value }) => {
    const before = present(state[layer], "cache")
    const prompt = present(prompts.layers[layer], "prompt cache")
    const perCandidate = (x: Tensor, each: number) =>
      transpose(reshape(x, [count, candidates, groups, each, headSize]), [0, 2, 1, 3, 4])
    const own = {
      key: write(before.key, perCandidate(key, 1), step),
      value: write(before.value, perCandidate(value, 1), step)
    }
    extended[layer] = own
    const queries = perCandidate(query, group)
    const joined = (x: Tensor) => reshape(x, [count, groups, -1, dimAt(x, 4)])
    const apart = (x: Tensor) => reshape(x, [count, groups, candidates, group, dimAt(x, 3)])
    const onPrompt = apart(add(matMul(joined(queries), prompt.key), prompts.mask))
    const onOwn = add(matMul(queries, swapAxes(own.key, -1, -2)), mask)
    const attention = softmax(concat([onPrompt, onOwn], -1))
    const [forPrompt, forOwn] = split(attention, -1, [dimAt(onPrompt, 4), dimAt(onOwn, 4)])
    const context = add(apart(matMul(joined(forPrompt), prompt.value)), matMul(forOwn, own.value))
    return reshape(transpose(context, [0, 2, 1, 3, 4]), query.shape)
  }
}
