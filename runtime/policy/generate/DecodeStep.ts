/** One decoding step as a program of its own: for comparing the in-graph Loop with a session run per token. */
import { graph, input, output } from "../../onnx/Graph.ts"
import type { Program } from "../../onnx/Model.ts"
import type { LayerCache, PromptCache } from "../model/CachedAttention.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import type { WeightSource } from "../model/Weights.ts"
import { serialiseProgram } from "../SerialiseProgram.ts"
import { decodeToken, prefill, promptMask } from "./DecodeToken.ts"

/**
 * The prompts' caches, once per prompt: `promptTokens` int32 [prompts, promptLength] and `promptLengths` int32 [prompts]
 * as generateProgram takes them, to `promptKeys.<layer>`, `promptValues.<layer>` and `promptMask`.
 */
export const buildPrefill = (config: ModelConfig, source: WeightSource): Program => {
  const program = graph("prefill")
  const promptTokens = input(program, "promptTokens", "int32", ["prompts", "promptLength"])
  const promptLengths = input(program, "promptLengths", "int32", ["prompts"])
  prefill(config, source(program), promptTokens).forEach(({ key, value }, layer) => {
    output(`promptKeys.${layer}`, key)
    output(`promptValues.${layer}`, value)
  })
  output("promptMask", promptMask(promptLengths, "promptLength"))
  return serialiseProgram(program)
}

/**
 * The next-token logits of every candidate and its longer caches: `token` int64 [prompts, candidates], `position`
 * float32 [prompts] (that token's position), the outputs of buildPrefill under their names, and `keys.<layer>`,
 * `values.<layer>` [prompts, keyValueHeads, candidates, generated, headSize], empty (generated = 0) at first; to
 * `logits` float32 [prompts, candidates, vocabularySize] and `next.keys.<layer>`, `next.values.<layer>`.
 */
export const buildDecodeStep = (config: ModelConfig, source: WeightSource): Program => {
  const program = graph("decode step")
  const { headSize, keyValueHeads } = config
  const token = input(program, "token", "int64", ["prompts", "candidates"])
  const position = input(program, "position", "float32", ["prompts"])
  const numbers = Array.from({ length: config.layers }, (_, layer) => layer)
  const prompt: PromptCache = {
    layers: numbers.map((layer) => ({
      key: input(program, `promptKeys.${layer}`, "float32", ["prompts", keyValueHeads, headSize, "promptLength"]),
      value: input(program, `promptValues.${layer}`, "float32", ["prompts", keyValueHeads, "promptLength", headSize])
    })),
    mask: input(program, "promptMask", "float32", ["prompts", 1, 1, "promptLength"])
  }
  const cached = ["prompts", keyValueHeads, "candidates", "generated", headSize]
  const current = numbers.map((layer): LayerCache => ({
    key: input(program, `keys.${layer}`, "float32", cached),
    value: input(program, `values.${layer}`, "float32", cached)
  }))
  const { extended, logits } = decodeToken(config, source(program), {
    token,
    caches: { prompt, finished: [], current, position }
  })
  output("logits", logits)
  extended.forEach(({ key, value }, layer) => {
    output(`next.keys.${layer}`, key)
    output(`next.values.${layer}`, value)
  })
  return serialiseProgram(program)
}
