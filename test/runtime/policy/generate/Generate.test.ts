import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { noiseKey, uniformAt } from "../../../../runtime/policy/generate/SamplingNoise.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { Generation, Prompt } from "../../../../runtime/policy/Policy.ts"
import { checkpointPath, largestDifference, names, reference } from "../reference.ts"

const sampled = { candidates: 3, temperature: 0.8, topP: 1, maxNewTokens: 20, seed: 7 } as const

const promptsOf = (name: string): ReadonlyArray<Prompt> =>
  reference(name).greedy.map(({ prompt }, index) => ({ id: `prompt ${index}`, tokens: Int32Array.from(prompt) }))

const named = (generations: ReadonlyArray<Generation>): ReadonlyMap<string, Generation> =>
  new Map(generations.map((generation) => [`${generation.promptId}:${generation.candidate}`, generation]))

/** Each candidate of `some` is the candidate of that name in `all`: same tokens, log-probs within rounding. */
const expectSame = (some: ReadonlyArray<Generation>, all: ReadonlyArray<Generation>) => {
  const known = named(all)
  for (const [name, generation] of named(some)) {
    const other = known.get(name)
    expect([name, generation.tokens, generation.finished]).toEqual([name, other?.tokens, other?.finished])
    expect(largestDifference(generation.logProbs, other?.logProbs ?? [])).toBeLessThan(1e-5)
    expect(largestDifference(generation.entropies, other?.entropies ?? [])).toBeLessThan(1e-5)
  }
}

layer(Sessions.layer)("generate", (it) => {
  describe.each(names)("%s", (name) => {
    it.effect("greedy decoding gives the reference's tokens, log-probs and entropies, and stops where it stops", () =>
      Effect.gen(function*() {
        const policy = yield* openPolicy(checkpointPath(name), "cpu")
        const { greedy } = reference(name)
        const generations = yield* policy.generate({
          ...sampled,
          prompts: promptsOf(name),
          candidates: 1,
          temperature: 0,
          maxNewTokens: 12
        })
        expect(generations.map(({ tokens }) => [...tokens])).toEqual(greedy.map(({ tokens }) => tokens))
        expect(generations.map(({ finished }) => finished)).toEqual(greedy.map(({ finished }) => finished))
        generations.forEach(({ entropies, logProbs }, index) => {
          expect(largestDifference(logProbs, greedy[index]?.logProbs ?? [])).toBeLessThan(1e-4)
          expect(largestDifference(entropies, greedy[index]?.entropies ?? [])).toBeLessThan(1e-4)
        })
      }))

    it.effect("a candidate is the same in any batch, order, company and batch size", () =>
      Effect.gen(function*() {
        const prompts = promptsOf(name)
        const policy = yield* openPolicy(checkpointPath(name), "cpu")
        const all = yield* policy.generate({ ...sampled, prompts })
        expect(all.map(({ candidate, promptId }) => `${promptId}:${candidate}`)).toEqual(
          prompts.flatMap(({ id }) => [0, 1, 2].map((candidate) => `${id}:${candidate}`))
        )
        expectSame(yield* policy.generate({ ...sampled, prompts: prompts.toReversed() }), all)
        expectSame(yield* policy.generate({ ...sampled, prompts: prompts.slice(2, 3) }), all)
        expectSame(yield* policy.generate({ ...sampled, prompts, candidates: 1 }), all)
        for (const rows of [1, 2, 4, 7]) {
          const narrow = yield* openPolicy(checkpointPath(name), "cpu", { rows })
          expectSame(yield* narrow.generate({ ...sampled, prompts }), all)
        }
      }))

    it.effect("log-probs and entropies at sampling are those of scoring, under raw logits", () =>
      Effect.gen(function*() {
        const prompts = promptsOf(name)
        const policy = yield* openPolicy(checkpointPath(name), "cpu")
        const generations = yield* policy.generate({
          ...sampled,
          prompts,
          temperature: 0.5,
          topP: 0.9,
          topK: 50,
          maxNewTokens: 50
        })
        // Long enough to cross chunks of the cache.
        expect(Math.max(...generations.map(({ tokens }) => tokens.length))).toBe(50)
        const scores = yield* policy.score({
          sequences: generations.map(({ promptId, tokens }) => ({
            prompt: prompts.find(({ id }) => id === promptId)?.tokens ?? new Int32Array(0),
            response: tokens
          }))
        })
        generations.forEach(({ entropies, logProbs }, index) => {
          expect(largestDifference(logProbs, scores[index]?.logProbs ?? [])).toBeLessThan(1e-4)
          expect(largestDifference(entropies, scores[index]?.entropies ?? [])).toBeLessThan(1e-4)
        })
      }))
  })

  it.effect("nothing follows an end-of-sequence token, and only such a token finishes a candidate", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath("untied-gqa"), "cpu")
      const { eosIds } = policy.tokenizer
      const generations = yield* policy.generate({
        ...sampled,
        prompts: promptsOf("untied-gqa"),
        candidates: 40,
        temperature: 1.5,
        maxNewTokens: 40
      })
      const ended = generations.filter(({ finished }) => finished)
      expect(ended.length).toBeGreaterThan(5)
      expect(ended.length).toBeLessThan(generations.length)
      for (const { entropies, finished, logProbs, tokens } of generations) {
        expect([...tokens].findIndex((token) => eosIds.includes(token))).toBe(finished ? tokens.length - 1 : -1)
        expect(finished || tokens.length === 40).toBe(true)
        expect([logProbs.length, entropies.length]).toEqual([tokens.length, tokens.length])
      }
    }))

  it.effect.each([1, 0.5])(
    "each token is the inverse of the distribution at its uniform: temperature %s",
    (temperature) =>
      Effect.gen(function*() {
        const policy = yield* openPolicy(checkpointPath("untied-gqa"), "cpu")
        const prompt = { id: "a prompt", tokens: Int32Array.of(0, 20, 30) }
        const [, chosen] = yield* policy.generate({ ...sampled, prompts: [prompt], temperature, seed: 5 })
        const tokens = chosen?.tokens ?? new Int32Array(0)
        expect(tokens.length).toBe(20)
        for (const step of [0, 1, 7, 18]) {
          const before = Int32Array.of(...prompt.tokens, ...tokens.subarray(0, step))
          const scores = yield* policy.score({
            sequences: Array.from({ length: 280 }, (_, token) => ({ prompt: before, response: Int32Array.of(token) }))
          })
          const weights = scores.map(({ logProbs }) => Math.exp((logProbs[0] ?? 0) / temperature))
          const total = weights.reduce((a, b) => a + b, 0)
          let cumulative = 0
          const uniform = uniformAt(noiseKey(5, "a prompt", 1), step)
          const token = weights.findIndex((weight) => (cumulative += weight / total) > uniform)
          expect([step, tokens[step]]).toEqual([step, token])
        }
      })
  )

  it.effect("at every step, minus the log-prob of what is drawn is on average the entropy", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath("untied-gqa"), "cpu")
      const generations = yield* policy.generate({
        ...sampled,
        prompts: promptsOf("untied-gqa").slice(0, 1),
        candidates: 1000,
        temperature: 1,
        maxNewTokens: 20
      })
      for (let step = 0; step < 20; step++) {
        // E[-log p(x)] = H, so these differences have mean 0 if draws follow the distribution given what came before.
        const differences = generations.flatMap(({ entropies, logProbs }) =>
          step < logProbs.length ? [-(logProbs[step] ?? 0) - (entropies[step] ?? 0)] : []
        )
        const mean = differences.reduce((a, b) => a + b, 0) / differences.length
        const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (differences.length - 1)
        expect(Math.abs(mean) / Math.sqrt(variance / differences.length)).toBeLessThan(4)
      }
    }))

  it.effect("another seed gives other candidates", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath("untied-gqa"), "cpu")
      const prompts = promptsOf("untied-gqa")
      const one = yield* policy.generate({ ...sampled, prompts })
      const two = yield* policy.generate({ ...sampled, prompts, seed: 8 })
      const equal = one.filter(({ tokens }, index) => tokens.join() === two[index]?.tokens.join())
      expect(equal).toEqual([])
      expect(new Set(one.map(({ tokens }) => tokens.join())).size).toBe(one.length)
    }))
})
