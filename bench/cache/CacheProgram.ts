/** Generation as the product's program does it, but for how keys and values of the response are kept. */
import { type Graph, graph, input, output, type Tensor } from "../../runtime/onnx/Graph.ts"
import { add, sub } from "../../runtime/onnx/ops/Arithmetic.ts"
import { loop } from "../../runtime/onnx/ops/Control.ts"
import { gather } from "../../runtime/onnx/ops/Index.ts"
import { expand, flatten, reshape, unsqueeze } from "../../runtime/onnx/ops/Layout.ts"
import { cast } from "../../runtime/onnx/ops/Logic.ts"
import { prefill, promptMask } from "../../runtime/policy/generate/DecodeToken.ts"
import { nextToken } from "../../runtime/policy/generate/NextToken.ts"
import { sampleToken } from "../../runtime/policy/generate/SampleToken.ts"
import { logitsOf } from "../../runtime/policy/head/TokenLogProbs.ts"
import type { LayerCache } from "../../runtime/policy/model/CachedAttention.ts"
import { decoderLayers, embed } from "../../runtime/policy/model/Decoder.ts"
import type { ModelConfig } from "../../runtime/policy/model/ModelConfig.ts"
import { rotationAt } from "../../runtime/policy/model/Rotary.ts"
import type { WeightSource } from "../../runtime/policy/model/Weights.ts"
import { present } from "../../runtime/policy/Present.ts"
import type { CacheVariant } from "./CacheVariant.ts"

/** Inputs and outputs of generateProgram; no end-of-sequence token ends it, so that every variant computes as much. */
export const cacheProgram = (config: ModelConfig, source: WeightSource, variant: CacheVariant): Graph => {
  const program = graph("generate")
  const promptTokens = input(program, "promptTokens", "int32", ["prompts", "promptLength"])
  const lastTokens = input(program, "lastTokens", "int32", ["prompts"])
  const promptLengths = input(program, "promptLengths", "int32", ["prompts"])
  const uniforms = input(program, "uniforms", "float32", ["steps", "prompts", "candidates"])
  const temperature = input(program, "temperature", "float32", [])
  const topP = input(program, "topP", "float32", [])
  const weights = source(program)
  const prompt = {
    layers: prefill(config, weights, promptTokens),
    mask: promptMask(promptLengths, "promptLength")
  }
  const layers = Array.from({ length: config.layers }, (_, layer) => layer)
  const record = (caches: ReadonlyArray<LayerCache>): Record<string, Tensor> =>
    Object.fromEntries(caches.flatMap(({ key, value }, layer) => [[`keys.${layer}`, key], [`values.${layer}`, value]]))
  const start = record(variant.start(program, config, prompt))
  const { scan } = loop<string, "tokens" | "logProbs" | "entropies">({
    name: "tokens",
    trips: "steps",
    state: { token: expand(unsqueeze(cast(lastTokens, "int64"), [1]), ["prompts", "candidates"]), ...start },
    shapes: Object.fromEntries(Object.keys(start).map((name) => [name, variant.shape(config)])),
    body: (step, state) => {
      const token = present(state["token"], "token")
      const extended: Array<LayerCache> = []
      const position = add(cast(promptLengths, "float32"), sub(cast(step, "float32"), 1))
      const attend = variant.attend({
        config,
        prompt,
        promptLengths,
        state: layers.map((layer) => ({
          key: present(state[`keys.${layer}`], "keys"),
          value: present(state[`values.${layer}`], "values")
        })),
        step,
        extended
      })
      const positions = flatten(expand(unsqueeze(position, [1]), token.shape), 0)
      const hidden = decoderLayers(config, weights, embed(weights, token), rotationAt(config, positions, 1), attend)
      const next = nextToken(reshape(logitsOf(config, weights, hidden), [...token.shape, config.vocabularySize]))
      const chosen = sampleToken({ kind: "all", tempered: false }, next, {
        uniform: gather(uniforms, step),
        temperature,
        topP
      })
      return {
        state: { token: chosen, ...record(extended) },
        scan: { tokens: chosen, logProbs: next.logProbOf(chosen), entropies: next.entropy }
      }
    }
  })
  output("tokens", scan.tokens)
  output("logProbs", scan.logProbs)
  output("entropies", scan.entropies)
  return program
}
