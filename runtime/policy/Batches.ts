/** Splits work into batches of similar lengths that stay within a memory budget. */
import { cacheBytes, runSteps } from "./generate/Runs.ts"
import type { ModelConfig } from "./model/ModelConfig.ts"

/** What one batch may use, at most. */
export interface BatchLimits {
  /** Bytes of activations and caches (not weights). */
  readonly bytes: number
  /** Sequences decoded at once: more keep the cores busier, until the caches leave the processor's caches. */
  readonly rows: number
  /** Padded tokens of one scored or trained batch. */
  readonly tokens: number
  /** Tokens of each candidate after which a generation's run ends and another begins; absent as many as cost little. */
  readonly runTokens?: number
}

export const defaultLimits: BatchLimits = { bytes: 1536 * 1024 * 1024, rows: 128, tokens: 4096 }

/** Candidates `firstCandidate ..` of some prompts, decoded together. */
export interface GenerationBatch {
  /** Indices into the request's prompts. */
  readonly prompts: ReadonlyArray<number>
  readonly firstCandidate: number
  readonly candidates: number
}

const FLOAT = 4

/**
 * Bytes that one decoded row holds at its longest: three times its keys and values, as they are, as they grow and on their
 * way out of the loop (measured: a generation of 160 rows takes 3.0 times their bytes), once more as they came from the run
 * before where runs are continued; and its logits with what is computed of them.
 */
const rowBytes = (config: ModelConfig, maxNewTokens: number, continued: boolean): number =>
  cacheBytes(config) * maxNewTokens * (continued ? 4 : 3) + FLOAT * 8 * config.vocabularySize

/** Bytes of one token of a prompt: keys and values of all layers, kept twice if runs are continued; activations of one. */
const promptTokenBytes = (config: ModelConfig, length: number, continued: boolean): number =>
  cacheBytes(config) * (continued ? 2 : 1) + FLOAT * activations(config, length)

/** Numbers that one layer holds for one token: projections, attention over `length` positions, feed-forward. */
const activations = (config: ModelConfig, length: number): number =>
  6 * config.hiddenSize + 3 * config.heads * config.headSize + 2 * config.heads * length + 4 * config.intermediateSize

/** What a forward pass is for: scoring keeps the activations of one layer at a time, training those of all unless it recomputes. */
export type Purpose = "score" | "train" | "recompute"

/** Bytes that a token holds in a batch of sequences of a length. */
const tokenBytes = (config: ModelConfig, length: number, purpose: Purpose): number => {
  const layer = activations(config, length)
  const kept = {
    score: layer,
    train: config.layers * layer,
    recompute: 2 * layer + 2 * config.layers * config.hiddenSize
  }
  // The language-model head is chunked and has a budget of its own.
  return FLOAT * kept[purpose]
}

/** Splits an amount in as few parts of nearly equal size as a limit allows. */
const evenParts = (amount: number, most: number): ReadonlyArray<number> => {
  const parts = Math.ceil(amount / Math.max(1, most))
  return Array.from({ length: parts }, (_, i) => Math.floor((i + 1) * amount / parts) - Math.floor(i * amount / parts))
}

/** Batches of whole prompts of similar length; the candidates of a prompt are split only when they exceed a batch. */
export const generationBatches = (
  config: ModelConfig,
  promptLengths: ReadonlyArray<number>,
  request: { readonly candidates: number; readonly maxNewTokens: number },
  limits: BatchLimits
): ReadonlyArray<GenerationBatch> => {
  const order = byLength(promptLengths)
  const longest = promptLengths.reduce((most, length) => Math.max(most, length), 1)
  const runs = runSteps(config, { ...request, prompts: limits.rows, promptLength: longest }, limits.runTokens)
  const continued = runs.length > 1
  const perRow = rowBytes(config, request.maxNewTokens, continued)
  const rows = Math.max(1, Math.min(limits.rows, Math.floor(limits.bytes / perRow)))
  if (request.candidates > rows) {
    let firstCandidate = 0
    const groups = evenParts(request.candidates, rows).map((candidates) => {
      firstCandidate += candidates
      return { firstCandidate: firstCandidate - candidates, candidates }
    })
    return order.flatMap((prompt) => groups.map((group) => ({ prompts: [prompt], ...group })))
  }
  const perPrompt = perRow * request.candidates + promptTokenBytes(config, longest, continued) * longest
  const most = Math.min(Math.floor(rows / request.candidates), Math.floor(limits.bytes / perPrompt))
  let start = 0
  return evenParts(order.length, most).map((size) => {
    start += size
    return { prompts: order.slice(start - size, start), firstCandidate: 0, candidates: request.candidates }
  })
}

/**
 * Groups sequences (by index) of similar length, each group within the limits when padded to its longest.
 */
export const sequenceBatches = (
  config: ModelConfig,
  lengths: ReadonlyArray<number>,
  purpose: Purpose,
  limits: BatchLimits
): ReadonlyArray<ReadonlyArray<number>> => {
  const longest = lengths.reduce((most, length) => Math.max(most, length), 1)
  const perToken = tokenBytes(config, longest, purpose)
  const most = Math.min(limits.tokens, Math.floor(limits.bytes / perToken))
  const batches: Array<Array<number>> = []
  let current: Array<number> = []
  // Ascending, so the sequence being added is the longest of its group.
  for (const index of byLength(lengths)) {
    const length = lengths[index] ?? 0
    if (current.length > 0 && (current.length + 1) * length > most) {
      batches.push(current)
      current = []
    }
    current.push(index)
  }
  return current.length === 0 ? batches : [...batches, current]
}

/** Indices by ascending length; equal lengths keep their order. */
const byLength = (lengths: ReadonlyArray<number>): ReadonlyArray<number> =>
  lengths.map((_, index) => index).toSorted((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b)
