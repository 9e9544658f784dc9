/** Generation as one program: prefill, then a Loop that decodes and samples until every candidate has ended. */
import { constant, type Graph, graph, input, output, scalar, type Tensor } from "../onnx/Graph.ts"
import { add, sub } from "../onnx/ops/Arithmetic.ts"
import { type Iteration, loop } from "../onnx/ops/Control.ts"
import { range, zeros } from "../onnx/ops/Fill.ts"
import { gather } from "../onnx/ops/Index.ts"
import { expand, transpose, unsqueeze } from "../onnx/ops/Layout.ts"
import { cast, equal, less, or, where } from "../onnx/ops/Logic.ts"
import { reduceMax, reduceMin } from "../onnx/ops/Reduce.ts"
import { extent } from "../onnx/ops/Shape.ts"
import { logSoftmax } from "../onnx/ops/Softmax.ts"
import { int64 } from "../onnx/TensorData.ts"
import { cachedAttention, type LayerCache, type PromptCache } from "./CachedAttention.ts"
import { causalAttention } from "./CausalAttention.ts"
import { decoderLayers, embed, logitsOf, project, rotationAt, type Weights } from "./Llama.ts"
import type { LlamaConfig } from "./LlamaConfig.ts"
import { sampleToken, type Sampling } from "./SampleToken.ts"
import { entropyOf, picked } from "./TokenLogProbs.ts"
import type { WeightSource } from "./WeightSource.ts"

/**
 * Samples `candidates` responses to each prompt.
 *
 * Inputs: `promptTokens` int32 [prompts, promptLength], all tokens of each prompt but its last, padded on the right;
 * `lastTokens` int32 [prompts]; `promptLengths` int32 [prompts], the last token included; `uniforms` float32
 * [steps, prompts, candidates], which also says how many steps to make at most; `temperature`, `topP` float32 [].
 *
 * Outputs, all [steps made, prompts, candidates]: `tokens` int64; `logProbs`, `entropies` float32 in nats, over the raw
 * logits. What follows a candidate's first end-of-sequence token is to be ignored.
 */
export const generateProgram = (
  config: LlamaConfig,
  source: WeightSource,
  eosIds: ReadonlyArray<number>,
  sampling: Sampling
): Graph => {
  const program = graph("generate")
  const promptTokens = input(program, "promptTokens", "int32", ["prompts", "promptLength"])
  const lastTokens = input(program, "lastTokens", "int32", ["prompts"])
  const promptLengths = input(program, "promptLengths", "int32", ["prompts"])
  const uniforms = input(program, "uniforms", "float32", ["steps", "prompts", "candidates"])
  const temperature = input(program, "temperature", "float32", [])
  const topP = input(program, "topP", "float32", [])
  const weights = source(program)
  const prompt = prefill(config, weights, promptTokens, promptLengths)
  const rows = ["prompts", "candidates"]
  const emptyCache = zeros(program, "float32", ["prompts", config.keyValueHeads, "candidates", 0, config.headSize])
  const cacheShape = ["prompts", config.keyValueHeads, "candidates", "generated", config.headSize]
  const names = Array.from({ length: config.layers }, (_, layer) => [`keys.${layer}`, `values.${layer}`]).flat()
  const caches: Record<string, Tensor> = Object.fromEntries(names.map((name) => [name, emptyCache]))

  const { scan } = loop<string, "tokens" | "logProbs" | "entropies">({
    name: "decode",
    trips: extent(program, "steps"),
    state: {
      // The prefill leaves the last token of each prompt to the first iteration, so logits come from one place only.
      token: expand(unsqueeze(cast(lastTokens, "int64"), [1]), rows),
      ended: expand(unsqueeze(less(promptLengths, 0), [1]), rows),
      ...caches
    },
    shapes: Object.fromEntries(names.map((name) => [name, cacheShape])),
    body: (iteration, state) => {
      const position = add(cast(promptLengths, "float32"), sub(cast(iteration, "float32"), 1))
      const decoded = decodeToken(config, weights, {
        token: state["token"] as Tensor,
        position: unsqueeze(position, [1]),
        prompt,
        past: layerCaches(config, (name) => state[name] as Tensor)
      })
      const uniform = gather(uniforms, iteration)
      const token = sampleToken(sampling, { logits: decoded.logits, uniform, temperature, topP })
      const logProbs = logSoftmax(decoded.logits)
      const ended = or(state["ended"] as Tensor, isOneOf(token, eosIds))
      const extended = decoded.extended.flatMap(({ key, value }, layer) =>
        [[`keys.${layer}`, key], [`values.${layer}`, value]] as const
      )
      const next: Iteration<string, "tokens" | "logProbs" | "entropies"> = {
        state: { token, ended, ...Object.fromEntries(extended) },
        scan: { tokens: token, logProbs: picked(logProbs, token), entropies: entropyOf(logProbs) },
        proceed: less(reduceMin(cast(ended, "int32")), 1)
      }
      return next
    }
  })
  output("tokens", scan.tokens)
  output("logProbs", scan.logProbs)
  output("entropies", scan.entropies)
  return program
}

const layerCaches = (config: LlamaConfig, tensor: (name: string) => Tensor): ReadonlyArray<LayerCache> =>
  Array.from({ length: config.layers }, (_, layer) => ({ key: tensor(`keys.${layer}`), value: tensor(`values.${layer}`) }))

/** Keys and values of the prompts in every layer. The last layer's attention and feed-forward would serve nobody. */
export const prefill = (
  config: LlamaConfig,
  weights: Weights,
  promptTokens: Tensor,
  promptLengths: Tensor
): PromptCache => {
  const layers: Array<LayerCache> = []
  const keep = ({ key, layer, value }: { readonly layer: number; readonly key: Tensor; readonly value: Tensor }) => {
    layers[layer] = { key: transpose(key, [0, 2, 3, 1]), value: transpose(value, [0, 2, 1, 3]) }
  }
  const attend = causalAttention(config, promptTokens)
  const length = promptTokens.shape[1] ?? 1
  const rotation = rotationAt(config, range(promptTokens.graph, "float32", length))
  const last = config.layers - 1
  const hidden = decoderLayers({ ...config, layers: last }, weights, embed(weights, promptTokens), rotation, (projections) => {
    keep(projections)
    return attend(projections)
  })
  keep(project(config, weights, last, hidden, rotation))

  const slots = unsqueeze(range(promptTokens.graph, "int32", length), [0])
  const filled = less(slots, unsqueeze(sub(promptLengths, 1), [1]))
  const mask = where(filled, zeros(promptTokens.graph, "float32", [1, 1]), -Infinity)
  return { layers, mask: unsqueeze(mask, [1, 2]) }
}

export interface DecodeInputs {
  /** int64 [prompts, candidates] */
  readonly token: Tensor
  /** float32 [prompts, 1] */
  readonly position: Tensor
  readonly prompt: PromptCache
  readonly past: ReadonlyArray<LayerCache>
}

/** One token per candidate through the model: its next-token logits, and the caches with the token appended. */
export const decodeToken = (config: LlamaConfig, weights: Weights, { past, position, prompt, token }: DecodeInputs) => {
  const extended: Array<LayerCache> = []
  const attend = cachedAttention(config, prompt, past, extended)
  const hidden = decoderLayers(config, weights, embed(weights, token), rotationAt(config, position), attend)
  return { logits: logitsOf(config, weights, hidden), extended }
}

/** Whether each token is one of the ids: bool [...]. */
const isOneOf = (token: Tensor, ids: ReadonlyArray<number>): Tensor => {
  const matches = equal(unsqueeze(token, [-1]), constant(token.graph, int64([ids.length], ids)))
  return less(scalar(token.graph, "int32", 0), reduceMax(cast(matches, "int32"), { axes: [-1] }))
}
