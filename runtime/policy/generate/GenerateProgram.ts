/** Generation as one program: prefill, then loops that decode and sample until every candidate has ended. */
import { subtractDims } from "../../onnx/Dimension.ts"
import { constant, type Graph, graph, input, output, scalar, type Tensor } from "../../onnx/Graph.ts"
import { add, div, minimum, mul, sub } from "../../onnx/ops/Arithmetic.ts"
import { loop } from "../../onnx/ops/Control.ts"
import { gather } from "../../onnx/ops/Index.ts"
import { concat, pad } from "../../onnx/ops/Join.ts"
import { flatten, unsqueeze } from "../../onnx/ops/Layout.ts"
import { cast, equal, less, or } from "../../onnx/ops/Logic.ts"
import { reduceMax, reduceMin } from "../../onnx/ops/Reduce.ts"
import { extent } from "../../onnx/ops/Shape.ts"
import { int64 } from "../../onnx/TensorData.ts"
import type { LayerCache } from "../model/CachedAttention.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import type { Weights, WeightSource } from "../model/Weights.ts"
import { present } from "../Present.ts"
import { candidateCaches, EDGE, promptCaches } from "./CacheStates.ts"
import { decodeToken, prefill, promptMask } from "./DecodeToken.ts"
import { DECODING } from "./DecodingBody.ts"
import { nextToken } from "./NextToken.ts"
import { sampleToken, type Sampling } from "./SampleToken.ts"

/**
 * Tokens after which a chunk's keys and values join those before it. Appending a token copies the chunk, joining copies
 * the whole response: measured best between 8 and 32 at 100 to 250 tokens.
 */
export const CHUNK = 16

type State = Readonly<Record<string, Tensor>>
type Scanned = "tokens" | "logProbs" | "entropies"

/**
 * Samples the next tokens of `candidates` responses to each prompt: all of them, or a run of them that another run
 * continues from what this one leaves.
 *
 * Inputs:
 *   - `promptTokens` int32 [prompts, promptLength]: all tokens of each prompt but its last, padded on the right;
 *   - `promptLengths` int32 [prompts], the last token included;
 *   - `token` int64 [prompts, candidates]: the last of each candidate, at first of its prompt;
 *   - `ended` bool [prompts, candidates]: which have ended;
 *   - `step` int64 []: tokens generated before, a multiple of CHUNK;
 *   - `uniforms` float32 [steps, prompts, candidates], which also says how many steps to make at most;
 *   - `temperature`, `topP` float32 [];
 *   - per layer `promptKeys.<layer>` [prompts, keyValueHeads, headSize, promptKept] and `promptValues.<layer>` [prompts,
 *     keyValueHeads, promptKept, headSize], `keys.<layer>` and `values.<layer>` [prompts, keyValueHeads, candidates,
 *     generated, headSize]: float32, of length 0 at first. The prompt is read only where its caches are empty.
 *
 * Outputs: `tokens` int64, `logProbs` and `entropies` float32, in nats over the raw logits, all [steps, prompts,
 * candidates]: what follows a candidate's first end-of-sequence token, or the last step, is to be ignored; and
 * `next.<input>` of the inputs that change, for the run that continues.
 */
export const generateProgram = (
  config: ModelConfig,
  source: WeightSource,
  eosIds: ReadonlyArray<number>,
  sampling: Sampling,
  chunk = CHUNK
): Graph => {
  const program = graph("generate")
  const promptTokens = input(program, "promptTokens", "int32", ["prompts", "promptLength"])
  const promptLengths = input(program, "promptLengths", "int32", ["prompts"])
  const token = input(program, "token", "int64", ["prompts", "candidates"])
  const ended = input(program, "ended", "bool", ["prompts", "candidates"])
  const firstStep = input(program, "step", "int64", [])
  const uniforms = input(program, "uniforms", "float32", ["steps", "prompts", "candidates"])
  const temperature = input(program, "temperature", "float32", [])
  const topP = input(program, "topP", "float32", [])
  const joint = source(program)
  // Joined, the matrices of layers that read the same input would be values computed outside of the loop, which are not
  // repacked, and copies.
  const weights: Weights = { ...joint, linear: (x, modules) => modules.flatMap((module) => joint.linear(x, [module])) }
  const ofPrompts = promptCaches(config, program, weights.dtype)
  const layers = ofPrompts.filled(() => prefill(config, weights, promptTokens))
  const prompt = { layers, mask: promptMask(promptLengths, "promptFilled") }
  const caches = candidateCaches(config, weights.dtype)

  /** One token of every candidate; `step` is int64 [], counted within this run. */
  const decode = (step: Tensor, finished: State, state: State) => {
    const made = cast(add(firstStep, step), "float32")
    const { extended, logits } = decodeToken(config, weights, {
      token: present(state["token"], "token"),
      caches: {
        prompt,
        finished: [caches.read(finished)],
        current: caches.read(state),
        position: add(cast(promptLengths, "float32"), sub(made, 1))
      }
    })
    const next = nextToken(logits)
    const token = sampleToken(sampling, next, { uniform: gather(uniforms, step), temperature, topP })
    const ended = or(present(state["ended"], "ended"), isOneOf(token, eosIds))
    return {
      state: { token, ended, ...caches.write(extended) },
      scan: { tokens: token, logProbs: next.logProbOf(token), entropies: next.entropy },
      proceed: anyLeft(ended)
    }
  }

  const { scan, state: last } = loop<string, Scanned>({
    name: "chunks",
    // Whole numbers: rounded up.
    trips: div(add(extent(program, "steps"), chunk - 1), chunk),
    // The prefill leaves the last token of each prompt to the first step, so logits come from one place only.
    state: { token, ended, ...caches.given(program) },
    shapes: caches.shapes("finished"),
    body: (iteration, before) => {
      const start = mul(iteration, chunk)
      const inner = loop<string, Scanned>({
        name: DECODING,
        trips: minimum(sub(extent(program, "steps"), start), chunk),
        state: { ...before, ...caches.empty(program) },
        shapes: caches.shapes("current"),
        body: (iteration, state) => decode(add(start, iteration), before, state)
      })
      const joined = caches.read(before).map(({ key, value }, layer): LayerCache => {
        const own = present(caches.read(inner.state)[layer], "chunk")
        return { key: concat([key, own.key], 3), value: concat([value, own.value], 3) }
      })
      const whole = (x: Tensor) => padTo(x, chunk)
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
  for (const [name, tensor] of Object.entries({ ...ofPrompts.record(layers), ...last })) {
    output(`next.${name}`, tensor.dtype === weights.dtype ? cast(tensor, EDGE) : tensor)
  }
  return program
}

/** Whether each token is one of the ids: bool [...]. */
const isOneOf = (token: Tensor, ids: ReadonlyArray<number>): Tensor => {
  const matches = equal(unsqueeze(token, [-1]), constant(token.graph, int64([ids.length], ids), "data"))
  return less(scalar(token.graph, "int32", 0), reduceMax(cast(matches, "int32"), { axes: [-1] }))
}

/** Whether some candidate has not ended: bool []. */
const anyLeft = (ended: Tensor): Tensor => less(reduceMin(cast(ended, "int32")), 1)

/** Fills the first axis up to a length: a loop that stopped early leaves less, and loops around it stack equal shapes. */
const padTo = (x: Tensor, length: number): Tensor => pad(x, 0, 0, subtractDims(length, x.shape[0] ?? length))
