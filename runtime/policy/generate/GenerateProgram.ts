/** Generation as one program: prefill, then loops that decode and sample until every candidate has ended. */
import { type Dim, subtractDims } from "../../onnx/Dimension.ts"
import { constant, type Graph, graph, input, output, scalar, type Tensor } from "../../onnx/Graph.ts"
import { add, div, minimum, mul, sub } from "../../onnx/ops/Arithmetic.ts"
import { loop } from "../../onnx/ops/Control.ts"
import { zeros } from "../../onnx/ops/Fill.ts"
import { gather } from "../../onnx/ops/Index.ts"
import { concat, pad } from "../../onnx/ops/Join.ts"
import { expand, flatten, unsqueeze } from "../../onnx/ops/Layout.ts"
import { cast, equal, less, or } from "../../onnx/ops/Logic.ts"
import { reduceMax, reduceMin } from "../../onnx/ops/Reduce.ts"
import { extent } from "../../onnx/ops/Shape.ts"
import { logSoftmax } from "../../onnx/ops/Softmax.ts"
import { int64 } from "../../onnx/TensorData.ts"
import { entropyOf, picked } from "../head/TokenLogProbs.ts"
import type { LayerCache } from "../model/CachedAttention.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import type { WeightSource } from "../model/Weights.ts"
import { present } from "../Present.ts"
import { decodeToken, prefill } from "./DecodeToken.ts"
import { sampleToken, type Sampling } from "./SampleToken.ts"

/**
 * Tokens after which a chunk's keys and values join those before it. Appending a token copies the chunk, joining copies
 * the whole response: measured best between 8 and 32 at 100 to 250 tokens.
 */
const CHUNK = 16

type State = Readonly<Record<string, Tensor>>
type Scanned = "tokens" | "logProbs" | "entropies"

/**
 * Samples `candidates` responses to each prompt.
 *
 * Inputs: `promptTokens` int32 [prompts, promptLength], all tokens of each prompt but its last, padded on the right;
 * `lastTokens` int32 [prompts]; `promptLengths` int32 [prompts], the last token included; `uniforms` float32
 * [steps, prompts, candidates], which also says how many steps to make at most; `temperature`, `topP` float32 [].
 *
 * Outputs, all [tokens, prompts, candidates]: `tokens` int64; `logProbs`, `entropies` float32 in nats, over the raw
 * logits. What follows a candidate's first end-of-sequence token, or the last step, is to be ignored.
 */
export const generateProgram = (
  config: ModelConfig,
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
  const caches = cacheStates(config)

  /** One token of every candidate; `step` is int64 []. */
  const decode = (step: Tensor, finished: State, state: State) => {
    const { extended, logits } = decodeToken(config, weights, {
      token: present(state["token"], "token"),
      caches: {
        prompt,
        finished: [caches.read(finished)],
        current: caches.read(state),
        position: add(cast(promptLengths, "float32"), sub(cast(step, "float32"), 1))
      }
    })
    const token = sampleToken(sampling, { logits, uniform: gather(uniforms, step), temperature, topP })
    const logProbs = logSoftmax(logits)
    const ended = or(present(state["ended"], "ended"), isOneOf(token, eosIds))
    return {
      state: { token, ended, ...caches.write(extended) },
      scan: { tokens: token, logProbs: picked(logProbs, token), entropies: entropyOf(logProbs) },
      proceed: anyLeft(ended)
    }
  }

  const { scan } = loop<string, Scanned>({
    name: "chunks",
    // Whole numbers: rounded up.
    trips: div(add(extent(program, "steps"), CHUNK - 1), CHUNK),
    state: {
      // The prefill leaves the last token of each prompt to the first step, so logits come from one place only.
      token: expand(unsqueeze(cast(lastTokens, "int64"), [1]), rows),
      ended: expand(unsqueeze(less(promptLengths, 0), [1]), rows),
      ...caches.empty(program)
    },
    shapes: caches.shapes("finished"),
    body: (chunk, before) => {
      const start = mul(chunk, CHUNK)
      const inner = loop<string, Scanned>({
        name: "tokens",
        trips: minimum(sub(extent(program, "steps"), start), CHUNK),
        state: { ...before, ...caches.empty(program) },
        shapes: caches.shapes("current"),
        body: (iteration, state) => decode(add(start, iteration), before, state)
      })
      const joined = caches.read(before).map(({ key, value }, layer): LayerCache => {
        const own = present(caches.read(inner.state)[layer], "chunk")
        return { key: concat([key, own.key], 3), value: concat([value, own.value], 3) }
      })
      const whole = (x: Tensor) => padTo(x, CHUNK)
      return {
        state: { ...inner.state, ...caches.write(joined) },
        scan: {
          tokens: whole(inner.scan.tokens),
          logProbs: whole(inner.scan.logProbs),
          entropies: whole(inner.scan.entropies)
        },
        proceed: anyLeft(present(inner.state["ended"], "ended"))
      }
    }
  })
  output("tokens", flatten(scan.tokens, 0, 2))
  output("logProbs", flatten(scan.logProbs, 0, 2))
  output("entropies", flatten(scan.entropies, 0, 2))
  return program
}

/** The caches of all layers among the states of a loop, by name. */
const cacheStates = (config: ModelConfig) => {
  const layers = Array.from({ length: config.layers }, (_, layer) => layer)
  const names = layers.flatMap((layer) => [`keys.${layer}`, `values.${layer}`])
  const shape = (length: Dim) => ["prompts", config.keyValueHeads, "candidates", length, config.headSize]
  return {
    empty: (program: Graph): State => {
      const none = zeros(program, "float32", shape(0))
      return Object.fromEntries(names.map((name) => [name, none]))
    },
    shapes: (length: string) => Object.fromEntries(names.map((name) => [name, shape(length)])),
    read: (state: State): ReadonlyArray<LayerCache> =>
      layers.map((layer) => ({
        key: present(state[`keys.${layer}`], "keys"),
        value: present(state[`values.${layer}`], "values")
      })),
    write: (caches: ReadonlyArray<LayerCache>): State =>
      Object.fromEntries(
        caches.flatMap(({ key, value }, layer) => [[`keys.${layer}`, key], [`values.${layer}`, value]])
      )
  }
}

/** Whether each token is one of the ids: bool [...]. */
const isOneOf = (token: Tensor, ids: ReadonlyArray<number>): Tensor => {
  const matches = equal(unsqueeze(token, [-1]), constant(token.graph, int64([ids.length], ids)))
  return less(scalar(token.graph, "int32", 0), reduceMax(cast(matches, "int32"), { axes: [-1] }))
}

/** Whether some candidate has not ended: bool []. */
const anyLeft = (ended: Tensor): Tensor => less(reduceMin(cast(ended, "int32")), 1)

/** Fills the first axis up to a length: a loop that stopped early leaves less, and loops around it stack equal shapes. */
const padTo = (x: Tensor, length: number): Tensor => pad(x, 0, 0, subtractDims(length, x.shape[0] ?? length))
