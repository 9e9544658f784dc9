import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { graph, input, output } from "../../../../runtime/onnx/Graph.ts"
import { serialise } from "../../../../runtime/onnx/Model.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { float32 } from "../../../../runtime/onnx/TensorData.ts"
import { sampleToken, type Sampling } from "../../../../runtime/policy/generate/SampleToken.ts"
import { noiseKey, uniformAt } from "../../../../runtime/policy/generate/SamplingNoise.ts"

const logits = [1.5, -0.5, 0.25, 2, -30, 0.75, 1, -1.25]
const DRAWS = 20_000

/** Tokens drawn from the logits, one per uniform. */
const draw = Effect.fnUntraced(
  function*(
    sampling: Sampling,
    temperature: number,
    topP: number,
    uniforms: ReadonlyArray<number>,
    row: ReadonlyArray<number> = logits
  ) {
    const program = graph("sample")
    const tokens = sampleToken(sampling, {
      logits: input(program, "logits", "float32", ["draws", logits.length]),
      uniform: input(program, "uniform", "float32", ["draws"]),
      temperature: input(program, "temperature", "float32", []),
      topP: input(program, "topP", "float32", [])
    })
    output("tokens", tokens)
    const session = yield* (yield* Sessions).open(serialise(program), { device: "cpu" })
    const results = yield* session.run({
      feeds: {
        logits: float32([uniforms.length, logits.length], uniforms.flatMap(() => row)),
        uniform: float32([uniforms.length], uniforms),
        temperature: float32([], [temperature]),
        topP: float32([], [topP])
      },
      fetch: ["tokens"]
    })
    return Array.from(results.tokens.data, Number)
  }
)

const noise = Array.from({ length: DRAWS }, (_, i) => uniformAt(noiseKey(3, "a prompt", i % 100), Math.floor(i / 100)))

/** The distribution that transformers samples from: temperature, then top-k, then top-p. */
const distribution = (temperature: number, topK: number, topP: number): ReadonlyArray<number> => {
  const weights = logits.map((logit) => Math.exp(logit / temperature))
  const order = weights.map((_, i) => i).toSorted((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0)).slice(0, topK)
  const total = order.reduce((sum, i) => sum + (weights[i] ?? 0), 0)
  let before = 0
  const kept = order.filter((i) => {
    const keep = before < topP * total
    before += weights[i] ?? 0
    return keep
  })
  const mass = kept.reduce((sum, i) => sum + (weights[i] ?? 0), 0)
  return weights.map((weight, i) => kept.includes(i) ? weight / mass : 0)
}

/** Chi-square statistic of draws against probabilities, and its degrees of freedom. Impossible tokens must not occur. */
const chiSquare = (tokens: ReadonlyArray<number>, probabilities: ReadonlyArray<number>) => {
  const counts = probabilities.map((_, token) => tokens.filter((drawn) => drawn === token).length)
  const likely = probabilities.flatMap((p, token) => p * DRAWS >= 5 ? [token] : [])
  const unlikely = probabilities.flatMap((p, token) => p * DRAWS < 5 ? [counts[token] ?? 0] : [])
  expect(unlikely.reduce((a, b) => a + b, 0)).toBe(0)
  return likely.reduce((sum, token) => {
    const expected = (probabilities[token] ?? 0) * DRAWS
    return sum + ((counts[token] ?? 0) - expected) ** 2 / expected
  }, 0)
}

layer(Sessions.layer)("sampleToken", (it) => {
  // 26.1 is the 99.97 % quantile of chi-square with 7 degrees of freedom; the draws are fixed.
  const cases = [
    { sampling: { kind: "all" }, temperature: 1, topK: 8, topP: 1 },
    { sampling: { kind: "all" }, temperature: 0.6, topK: 8, topP: 1 },
    { sampling: { kind: "all" }, temperature: 2.5, topK: 8, topP: 1 },
    { sampling: { kind: "likeliest", topK: 8 }, temperature: 1, topK: 8, topP: 0.8 },
    { sampling: { kind: "likeliest", topK: 3 }, temperature: 1.3, topK: 3, topP: 1 },
    { sampling: { kind: "likeliest", topK: 5 }, temperature: 0.9, topK: 5, topP: 0.7 }
  ] as const
  for (const { sampling, temperature, topK, topP } of cases) {
    it.effect(`draws follow the distribution: temperature ${temperature}, top-k ${topK}, top-p ${topP}`, () =>
      Effect.gen(function*() {
        const tokens = yield* draw(sampling, temperature, topP, noise)
        const statistic = chiSquare(tokens, distribution(temperature, topK, topP))
        expect(statistic).toBeLessThan(26.1)
        expect(statistic).toBeGreaterThan(0)
      }))
  }

  it.effect("a small top-p keeps the likeliest token, and greedy takes it", () =>
    Effect.gen(function*() {
      const uniforms = [0, 0.3, 0.6, 1 - 2 ** -23]
      expect(yield* draw({ kind: "likeliest", topK: 8 }, 1, 1e-6, uniforms)).toEqual([3, 3, 3, 3])
      expect(yield* draw({ kind: "greedy" }, 1, 1, uniforms)).toEqual([3, 3, 3, 3])
    }))

  it.effect("the ends of [0, 1) give the first and the last possible token", () =>
    Effect.gen(function*() {
      expect(yield* draw({ kind: "all" }, 1, 1, [0, 1 - 2 ** -23])).toEqual([0, 7])
      expect(yield* draw({ kind: "likeliest", topK: 2 }, 1, 1, [0, 1 - 2 ** -23])).toEqual([3, 0])
    }))

  it.effect("a token whose probability is 0 in float32 is never drawn, at either end", () =>
    Effect.gen(function*() {
      const row = [-400, 1, -400, -400, 1, -400, -400, -400]
      expect(yield* draw({ kind: "all" }, 1, 1, [0, 0.5, 1 - 2 ** -23], row)).toEqual([1, 4, 4])
    }))
})
