/**
 * Tokens sampled per second by the in-graph Loop against a session run per token of the same model: the same prompts, the
 * same caches kept in the worker, but the logits cross to JavaScript, which samples and takes log-probs and entropies.
 */
import * as Effect from "effect/Effect"
import { type Session, Sessions } from "../runtime/onnx/Sessions.ts"
import type { TensorData } from "../runtime/onnx/TensorData.ts"
import { openCheckpoint } from "../runtime/policy/checkpoint/Checkpoint.ts"
import { buildDecodeStep, buildPrefill } from "../runtime/policy/generate/DecodeStep.ts"
import { openPolicy } from "../runtime/policy/OpenPolicy.ts"
import type { Prompt } from "../runtime/policy/Policy.ts"
import { demoPolicy, largerPolicy } from "./policies.ts"
import { median, spread } from "./Spread.ts"

const promptCount = 16
const candidates = 4
const promptLength = 30
const newTokens = 64
const repetitions = 5

const prompts: ReadonlyArray<Prompt> = Array.from({ length: promptCount }, (_, index) => ({
  id: `prompt ${index}`,
  tokens: Int32Array.from({ length: promptLength }, (_, position) => 5 + (7 * index + position) % 250)
}))

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const start = performance.now()
    const value = yield* effect
    return [(performance.now() - start) / 1000, value] as const
  })

interface Sampled {
  readonly token: number
  readonly logProb: number
  readonly entropy: number
}

/** One draw by inverse CDF, with the token's log-prob and the entropy, from raw logits. */
const sample = (logits: Float32Array, uniform: number): Sampled => {
  let most = Number.NEGATIVE_INFINITY
  for (const logit of logits) most = Math.max(most, logit)
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - most)
  let cumulative = 0
  let token = logits.length - 1
  let entropy = 0
  let found = false
  for (let id = 0; id < logits.length; id++) {
    const shifted = (logits[id] ?? 0) - most
    const probability = Math.exp(shifted) / sum
    entropy -= probability * (shifted - Math.log(sum))
    cumulative += probability
    if (!found && uniform < cumulative) {
      token = id
      found = true
    }
  }
  return { token, logProb: (logits[token] ?? 0) - most - Math.log(sum), entropy }
}

/** A session run per token; gives the number of tokens. */
const stepByStep = Effect.fnUntraced(
  function*(prefill: Session, decode: Session, vocabulary: number, empty: TensorData) {
    const int32 = (dims: ReadonlyArray<number>, data: Int32Array): TensorData => ({ dtype: "int32", dims, data })
    const tokens = new Int32Array(promptCount * (promptLength - 1))
    prompts.forEach((prompt, row) => tokens.set(prompt.tokens.subarray(0, -1), row * (promptLength - 1)))
    const caches = yield* prefill.run({
      feeds: {
        promptTokens: int32([promptCount, promptLength - 1], tokens),
        promptLengths: int32([promptCount], new Int32Array(promptCount).fill(promptLength))
      },
      fetch: prefill.program.outputs.map(({ name }) => name)
    })
    const states = decode.program.outputs.map(({ name }) => name).filter((name) => name !== "logits")
    const carry = Object.fromEntries(states.map((state) => [state, state.replace("next.", "")]))
    const rows = promptCount * candidates
    let token = BigInt64Array.from(
      { length: rows },
      (_, row) => BigInt(prompts[Math.floor(row / candidates)]?.tokens.at(-1) ?? 0)
    )
    let feeds: Record<string, TensorData> = {
      ...caches,
      ...Object.fromEntries(states.map((state) => [state.replace("next.", ""), empty]))
    }
    for (let step = 0; step < newTokens; step++) {
      const position = new Float32Array(promptCount).fill(promptLength - 1 + step)
      const { logits } = yield* decode.run({
        feeds: {
          ...feeds,
          token: { dtype: "int64", dims: [promptCount, candidates], data: token },
          position: { dtype: "float32", dims: [promptCount], data: position }
        },
        fetch: ["logits"],
        carry
      })
      // The prompts' caches do not change, and stay fed; those of the candidates are carried.
      feeds = caches
      const values = Float32Array.from(logits.data, Number)
      token = BigInt64Array.from(
        { length: rows },
        (_, row) => BigInt(sample(values.subarray(row * vocabulary, (row + 1) * vocabulary), Math.random()).token)
      )
    }
    return rows * newTokens
  }
)

const measure = Effect.fnUntraced(function*(label: string, directory: string) {
  const sessions = yield* Sessions
  const policy = yield* openPolicy(directory, "cpu")
  const { config, folder, source } = yield* openCheckpoint(directory)
  const options = { device: "cpu", weights: yield* folder }
  const prefill = yield* sessions.open(buildPrefill(config, source), options)
  const decode = yield* sessions.open(buildDecodeStep(config, source), options)
  const empty: TensorData = {
    dtype: "float32",
    dims: [promptCount, config.keyValueHeads, candidates, 0, config.headSize],
    data: new Float32Array(0)
  }
  const loop: Array<number> = []
  const steps: Array<number> = []
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const request = { prompts, candidates, temperature: 1, topP: 1, maxNewTokens: newTokens, seed: repetition }
    const [loopSeconds, generations] = yield* timed(policy.generate(request))
    const [stepSeconds, count] = yield* timed(stepByStep(prefill, decode, config.vocabularySize, empty))
    if (repetition === 0) continue
    // Sequences that end early are still computed to the end of their batch unless all have: what counts is what came out.
    loop.push(generations.reduce((sum, { tokens }) => sum + tokens.length, 0) / loopSeconds)
    steps.push(count / stepSeconds)
  }
  const sequences = promptCount * candidates
  console.log(
    `generation  ${label.padEnd(18)} Loop ${
      spread(loop)
    } tokens/s, ${sequences} sequences of at most ${newTokens} tokens`
  )
  console.log(
    `            ${"".padEnd(18)} session run per token ${spread(steps)} tokens/s; Loop is ${
      (median(loop) / median(steps)).toFixed(2)
    }x`
  )
})

export const measureGeneration = (): Promise<void> =>
  Effect.runPromise(
    Effect.gen(function*() {
      yield* Effect.scoped(measure("0.5 M parameters", demoPolicy))
      yield* Effect.scoped(measure("4.7 M parameters", yield* largerPolicy))
    }).pipe(Effect.provide(Sessions.layer))
  )
