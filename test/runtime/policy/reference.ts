/** The fixtures that make_fixtures.py wrote, typed. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { ChatMessage } from "../../../runtime/policy/tokenizer/ChatTemplate.ts"

export interface Reference {
  readonly eosIds: ReadonlyArray<number>
  readonly parameters: number
  readonly logits: { readonly tokens: ReadonlyArray<number>; readonly values: ReadonlyArray<ReadonlyArray<number>> }
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
  readonly gradient: { readonly loss: number; readonly norm: number }
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
  }
  readonly chat: ReadonlyArray<{
    readonly messages: ReadonlyArray<ChatMessage>
    readonly ids: ReadonlyArray<number>
    readonly text: string
  }>
}

export const names = ["untied-gqa", "tied-bf16"] as const

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
