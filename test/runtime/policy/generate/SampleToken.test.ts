import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { graph, input, output } from "../../../../runtime/onnx/Graph.ts"
import { serialise } from "../../../../runtime/onnx/Model.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { float32 } from "../../../../runtime/onnx/TensorData.ts"
import { nextToken } from "../../../../runtime/policy/generate/NextToken.ts"
import { sampleToken, type Sampling } from "../../../../runtime/policy/generate/SampleToken.ts"
import { noiseKey, uniformAt } from "../../../../runtime/policy/generate/SamplingNoise.ts"

const logits = [1.5, -0.5, 0.25, 2, -30, 0.75, 1, -1.25]
const DRAWS = 20_000

/** Tokens drawn from the logits, one row of them per uniform. */
const draw = Effect.fnUntraced(
  function*(
    sampling: Sampling,
    temperature: number,
    topP: number,
    uniforms: ReadonlyArray<number>,
    rows: ReadonlyArray<ReadonlyArray<number>> = uniforms.map(() => logits)
  ) {
    const program = graph("sample")
    const next = nextToken(input(program, "logits", "float32", ["draws", rows[0]?.length ?? 0]))
    const tokens = sampleToken(sampling, next, {
      uniform: input(program, "uniform", "float32", ["draws"]),
      temperature: input(program, "temperature", "float32", []),
      topP: input(program, "topP", "float32", [])
    })
    output("tokens", tokens)
    const session = yield* (yield* Sessions).open(serialise(program), { device: "cpu" })
    const results = yield* session.run({
      feeds: {
        logits: float32([uniforms.length, rows[0]?.length ?? 0], rows.flat()),
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
    { sampling: { kind: "all", tempered: false }, temperature: 1, topK: 8, topP: 1 },
    { sampling: { kind: "all", tempered: true }, temperature: 0.6, topK: 8, topP: 1 },
    { sampling: { kind: "all", tempered: true }, temperature: 2.5, topK: 8, topP: 1 },
    { sampling: { kind: "nucleus", tempered: false }, temperature: 1, topK: 8, topP: 0.8 },
    { sampling: { kind: "likeliest", topK: 3, tempered: true }, temperature: 1.3, topK: 3, topP: 1 },
    { sampling: { kind: "likeliest", topK: 5, tempered: true }, temperature: 0.9, topK: 5, topP: 0.7 }
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
      expect(yield* draw({ kind: "likeliest", topK: 8, tempered: true }, 1, 1e-6, uniforms)).toEqual([3, 3, 3, 3])
      expect(yield* draw({ kind: "greedy" }, 1, 1, uniforms)).toEqual([3, 3, 3, 3])
    }))

  it.effect("the ends of [0, 1) give the first and the last possible token", () =>
    Effect.gen(function*() {
      expect(yield* draw({ kind: "all", tempered: true }, 1, 1, [0, 1 - 2 ** -23])).toEqual([0, 7])
      expect(yield* draw({ kind: "likeliest", topK: 2, tempered: true }, 1, 1, [0, 1 - 2 ** -23])).toEqual([3, 0])
    }))

  it.effect("a token whose probability is 0 in float32 is never drawn, at either end", () =>
    Effect.gen(function*() {
      const row = [-400, 1, -400, -400, 1, -400, -400, -400]
      expect(yield* draw({ kind: "all", tempered: true }, 1, 1, [0, 0.5, 1 - 2 ** -23], [row, row, row])).toEqual([
        1,
        4,
        4
      ])
    }))

  // 997 is prime (blocks are padded), 1000 = 25 * 40, 4096 = 64 * 64.
  for (const size of [997, 1000, 4096]) {
    it.effect(`among ${size} tokens, a draw is the first whose cumulative probability exceeds the uniform`, () =>
      Effect.gen(function*() {
        const count = 100
        const spread = (row: number, token: number) => 8 * uniformAt(noiseKey(11, "logits", row % 3), token) - 4
        const rows = Array.from({ length: count }, (_, row) => Array.from({ length: size }, (_, i) => spread(row, i)))
        const uniforms = noise.slice(0, count)
        const tokens = yield* draw({ kind: "all", tempered: false }, 1, 1, uniforms, rows)
        rows.forEach((row, index) => {
          const weights = row.map((logit) => Math.exp(Math.fround(logit)))
          const total = weights.reduce((a, b) => a + b, 0)
          const token = tokens[index] ?? -1
          const before = weights.slice(0, token).reduce((a, b) => a + b, 0) / total
          // Sums of float32 numbers end within a few of their last digits of the exact ones.
          expect(before).toBeLessThan((uniforms[index] ?? 0) + 1e-5)
          expect(before + (weights[token] ?? 0) / total).toBeGreaterThan((uniforms[index] ?? 0) - 1e-5)
        })
        expect(new Set(tokens).size).toBeGreaterThan(70)
      }))
  }

  it.effect("among many tokens, one of probability 0 is never drawn, wherever the others are", () =>
    Effect.gen(function*() {
      const likely = [0, 63, 64, 500, 1023]
      const row = Array.from({ length: 1024 }, (_, token) => likely.includes(token) ? 1 : -400)
      const uniforms = [0, 0.2 - 1e-6, 0.2, 0.4, 0.5, 0.6, 0.8, 1 - 2 ** -23]
      const tokens = yield* draw({ kind: "all", tempered: false }, 1, 1, uniforms, uniforms.map(() => row))
      for (const token of tokens) expect(likely).toContain(token)
      expect([tokens[0], tokens.at(-1)]).toEqual([0, 1023])
    }))

  it.effect("a nucleus of few tokens is drawn from alike whether or not another row's needs a whole sort", () =>
    Effect.gen(function*() {
      const size = 1000
      const steep = Array.from({ length: size }, (_, token) => -((token * 7919) % size) / 20)
      const flat = steep.map((logit) => logit / 100)
      const uniforms = noise.slice(0, 200)
      const nucleus = { kind: "nucleus", tempered: true } as const
      const alone = yield* draw(nucleus, 0.9, 0.95, uniforms, uniforms.map(() => steep))
      const beside = yield* draw(nucleus, 0.9, 0.95, [...uniforms, 0.5], [...uniforms.map(() => steep), flat])
      expect(beside.slice(0, -1)).toEqual(alone)
      const sorted = yield* draw(
        { kind: "likeliest", topK: size, tempered: true },
        0.9,
        0.95,
        uniforms,
        uniforms.map(() => steep)
      )
      expect(alone).toEqual(sorted)
      // The 54 likeliest hold 95 %: a share e^(-n / 18) lies behind n of them.
      const ranks = alone.map((token) => (token * 7919) % size)
      expect(Math.max(...ranks)).toBeLessThan(54)
      expect(Math.max(...ranks)).toBeGreaterThan(30)
    }))
})
