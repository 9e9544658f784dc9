/** The checkpoints and their expected.json that make_fixtures.py wrote, typed. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { ChatMessage } from "../../../runtime/policy/tokenizer/ChatTemplate.ts"

export interface Reference {
  readonly eosIds: ReadonlyArray<number>
  readonly parameters: number
  /** Of the longest scored sequence, whole: logits [vocabulary] that follow its tokens at `positions`. */
  readonly logits: {
    readonly tokens: ReadonlyArray<number>
    readonly positions: ReadonlyArray<number>
    readonly values: ReadonlyArray<ReadonlyArray<number>>
  }
  readonly scored: ReadonlyArray<{
    readonly prompt: ReadonlyArray<number>
    readonly response: ReadonlyArray<number>
    readonly weight: number
    readonly logProbs: ReadonlyArray<number>
    readonly entropies: ReadonlyArray<number>
  }>
  readonly greedy: ReadonlyArray<{
    readonly prompt: ReadonlyArray<number>
    readonly tokens: ReadonlyArray<number>
    readonly logProbs: ReadonlyArray<number>
    readonly entropies: ReadonlyArray<number>
    readonly finished: boolean
  }>
  /** Of the loss - sum_i weight_i sum_t log-prob over all scored sequences; tensors by HuggingFace name. */
  readonly gradient: { readonly loss: number; readonly norm: number; readonly tensors: Summaries }
  readonly training: {
    readonly learningRate: number
    readonly schedule: "linear"
    readonly warmupSteps: number
    readonly weightDecay: number
    readonly betas: readonly [number, number]
    readonly epsilon: number
    readonly clip: number
    /** Each a step on three of the scored sequences, by index. */
    readonly steps: ReadonlyArray<{
      readonly batch: ReadonlyArray<number>
      readonly learningRate: number
      readonly loss: number
      readonly gradNorm: number
    }>
    /** Weights after the last step. */
    readonly tensors: Summaries
  }
  readonly chat: ReadonlyArray<{
    readonly messages: ReadonlyArray<ChatMessage>
    readonly ids: ReadonlyArray<number>
    readonly text: string
  }>
}

/** A tensor in a few numbers: Euclidean norm, sum, and the values at the flat indices `at`. */
export interface Summary {
  readonly shape: ReadonlyArray<number>
  readonly norm: number
  readonly sum: number
  readonly at: ReadonlyArray<number>
  readonly values: ReadonlyArray<number>
}
export type Summaries = Readonly<Record<string, Summary>>

/** Two with all gradients and trained weights written out beside (expected-gradients.safetensors, expected-trained.safetensors). */
export const names = ["untied-gqa", "tied-bf16"] as const

/** One of each family. */
export const families = [
  "llama2",
  "llama3",
  "llama-linear",
  "qwen2",
  "qwen2-window",
  "qwen2-sharded",
  "qwen3",
  "mistral"
] as const

export const checkpointPath = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/policy/${name}`, import.meta.url))

export const reference = (name: string): Reference =>
  JSON.parse(readFileSync(`${checkpointPath(name)}/expected.json`, "utf8"))

/** The reference's scored sequences as requests take them. */
export const sequences = (reference: Reference) =>
  reference.scored.map(({ prompt, response, weight }) => ({
    prompt: Int32Array.from(prompt),
    response: Int32Array.from(response),
    weight
  }))

/** The largest difference between corresponding numbers; NaN when the counts differ. */
export const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  a.length !== b.length
    ? Number.NaN
    : Array.from(a, (value, index) => Math.abs(value - (b[index] ?? Number.NaN))).reduce((x, y) => Math.max(x, y), 0)

/**
 * How far a tensor is from its reference's summary, relative to the reference's norm (its root mean square, for single
 * values). Infinite where the count of values differs.
 */
export const relativeDifference = (tensor: ArrayLike<number>, expected: Summary): number => {
  const count = expected.shape.reduce((product, size) => product * size, 1)
  if (tensor.length !== count) return Number.POSITIVE_INFINITY
  const values = Array.from(tensor)
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
  const sum = values.reduce((total, value) => total + value, 0)
  const scale = Math.max(expected.norm, 1e-12)
  const typical = scale / Math.sqrt(count)
  const entries = expected.at.map((index, i) => Math.abs((values[index] ?? Number.NaN) - (expected.values[i] ?? 0)))
  return Math.max(
    Math.abs(norm - expected.norm) / scale,
    Math.abs(sum - expected.sum) / (scale * Math.sqrt(count)),
    Math.max(...entries) / Math.max(typical, ...expected.values.map(Math.abs))
  )
}
