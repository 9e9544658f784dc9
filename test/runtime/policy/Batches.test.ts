import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { type BatchLimits, defaultLimits, generationBatches, sequenceBatches } from "../../../runtime/policy/Batches.ts"
import type { ModelConfig } from "../../../runtime/policy/model/ModelConfig.ts"
import { sequenceBatch } from "../../../runtime/policy/SequenceBatch.ts"
import { fitPrompt, fitResponse } from "../../../runtime/policy/tokenizer/FitPrompt.ts"
import { learningRateAt } from "../../../runtime/policy/train/LearningRate.ts"

const config: ModelConfig = {
  architecture: "LlamaForCausalLM",
  vocabularySize: 400,
  hiddenSize: 128,
  intermediateSize: 344,
  layers: 4,
  heads: 4,
  keyValueHeads: 4,
  headSize: 32,
  contextLength: 256,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  tiedEmbeddings: true,
  initializerRange: 0.02
}

const Count = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Lengths = Schema.Array(Count(1, 200))

describe("generationBatches", () => {
  it.prop(
    "every candidate of every prompt is in exactly one batch, within the limits",
    [Lengths, Count(1, 40), Count(1, 50), Count(1, 100)],
    ([lengths, candidates, maxNewTokens, rows]) => {
      const batches = generationBatches(config, lengths, { candidates, maxNewTokens }, { ...defaultLimits, rows })
      const seen = batches.flatMap(({ candidates, firstCandidate, prompts }) =>
        prompts.flatMap((prompt) => Array.from({ length: candidates }, (_, i) => `${prompt}:${firstCandidate + i}`))
      )
      const all = lengths.flatMap((_, prompt) => Array.from({ length: candidates }, (_, i) => `${prompt}:${i}`))
      expect(seen.toSorted()).toEqual(all.toSorted())
      for (const batch of batches) expect(batch.prompts.length * batch.candidates).toBeLessThanOrEqual(rows)
    }
  )

  it.prop(
    "a batch's caches and logits stay within the bytes allowed, unless a single candidate exceeds them",
    [Lengths, Count(1, 40), Count(1, 250), Count(1, 400), Schema.Boolean],
    ([lengths, candidates, maxNewTokens, mebibytes, cut]) => {
      const bytes = mebibytes * 2 ** 20
      const limits = { ...defaultLimits, bytes, runTokens: cut ? 16 : Infinity }
      const perToken = 4 * 2 * config.layers * config.keyValueHeads * config.headSize
      for (const batch of generationBatches(config, lengths, { candidates, maxNewTokens }, limits)) {
        const rows = batch.prompts.length * batch.candidates
        const copies = cut && maxNewTokens > 16 ? 4 : 3
        // One prompt is not split, however long.
        const several = batch.prompts.length > 1 ? batch.prompts : []
        const prompts = several.reduce((sum, prompt) => sum + (lengths[prompt] ?? 0), 0)
        const held = rows * (maxNewTokens * perToken * copies + 8 * 4 * config.vocabularySize) + prompts * perToken
        expect(rows === 1 || held <= bytes).toBe(true)
      }
    }
  )

  it("less memory makes smaller batches, and never none", () => {
    const lengths = Array.from({ length: 64 }, () => 40)
    const count = (bytes: number) =>
      generationBatches(config, lengths, { candidates: 2, maxNewTokens: 100 }, { ...defaultLimits, bytes }).length
    expect(count(512 * 2 ** 20)).toBe(1)
    expect(count(32 * 2 ** 20)).toBeGreaterThan(1)
    expect(count(1)).toBe(128)
  })
})

describe("sequenceBatches", () => {
  it.prop(
    "every sequence is in one batch, and only a sequence too long by itself exceeds the limit",
    [Lengths, Count(1, 1000)],
    ([lengths, tokens]) => {
      const limits: BatchLimits = { ...defaultLimits, tokens }
      const batches = sequenceBatches(config, lengths, "train", limits)
      expect(batches.flat().toSorted((a, b) => a - b)).toEqual(lengths.map((_, index) => index))
      for (const batch of batches) {
        const padded = batch.length * Math.max(...batch.map((index) => lengths[index] ?? 0))
        expect(batch.length === 1 || padded <= tokens).toBe(true)
      }
    }
  )
})

describe("sequenceBatch", () => {
  it("predicts response tokens only, from the token before each", () => {
    const batch = sequenceBatch([
      { prompt: Int32Array.of(10, 11), response: Int32Array.of(12, 13, 14), weight: 0.5 },
      { prompt: Int32Array.of(20), response: Int32Array.of(21), weight: -1 }
    ], 9)
    expect(batch.tokens).toEqual({ dtype: "int32", dims: [2, 4], data: Int32Array.of(10, 11, 12, 13, 20, 9, 9, 9) })
    expect(batch.positions.data).toEqual(Int32Array.of(1, 2, 3, 4))
    expect(batch.targets.data).toEqual(Int32Array.of(12, 13, 14, 21))
    expect(batch.weights.data).toEqual(Float32Array.of(0.5, 0.5, 0.5, -1))
  })
})

describe("fitPrompt", () => {
  it("cuts from the left, keeps BOS, and says so", () => {
    const tokens = Int32Array.of(1, 2, 3, 4, 5)
    expect(fitPrompt(tokens, 5)).toEqual({ tokens, truncated: false })
    expect(fitPrompt(tokens, 3)).toEqual({ tokens: Int32Array.of(3, 4, 5), truncated: true })
    expect(fitPrompt(tokens, 3, 1)).toEqual({ tokens: Int32Array.of(1, 4, 5), truncated: true })
    expect(fitPrompt(tokens, 3, 7)).toEqual({ tokens: Int32Array.of(3, 4, 5), truncated: true })
    expect(fitPrompt(tokens, -1, 1)).toEqual({ tokens: Int32Array.of(), truncated: true })
    expect(tokens).toEqual(Int32Array.of(1, 2, 3, 4, 5))
    expect(fitResponse(tokens, 2)).toEqual({ tokens: Int32Array.of(1, 2), truncated: true })
    expect(fitResponse(tokens, 9).truncated).toBe(false)
  })
})

describe("learningRateAt", () => {
  const rates = (schedule: "constant" | "linear" | "cosine", warmupSteps: number, steps: number) =>
    Array.from({ length: steps }, (_, step) => learningRateAt({ learningRate: 8, schedule, warmupSteps }, step, steps))

  it("warms up to the configured rate and decays by the schedule; no step has rate 0", () => {
    expect(rates("constant", 0, 3)).toEqual([8, 8, 8])
    expect(rates("constant", 4, 6)).toEqual([2, 4, 6, 8, 8, 8])
    expect(rates("linear", 0, 4)).toEqual([8, 6, 4, 2])
    expect(rates("linear", 2, 6)).toEqual([4, 8, 8, 6, 4, 2])
    expect(rates("cosine", 0, 2)).toEqual([8, expect.closeTo(4, 10)])
    expect(rates("linear", 5, 3)).toEqual([1.6, 3.2, expect.closeTo(4.8, 10)])
  })
})
