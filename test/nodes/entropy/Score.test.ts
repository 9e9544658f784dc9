import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { score, type ScoreOptions } from "../../../nodes/entropy/Score.ts"
import { readFixture } from "../readFixture.ts"

const options: ScoreOptions = { lambda: 1, final_weight: 1, top_m: 0.1, rounding: "ceil", over: "selected" }

const reference = Schema.Array(Schema.Struct({
  entropies: Schema.Array(Schema.Finite),
  start: Schema.Int,
  top_m: Schema.Finite,
  over: Schema.Literals(["selected", "all"]),
  lambda: Schema.Finite,
  final_entropy: Schema.Finite,
  branching_entropy: Schema.Finite,
  score: Schema.Finite,
  branch_tokens: Schema.Int
}))

describe("score", () => {
  it("agrees with numpy on entropies of torch distributions", () => {
    const cases = readFixture("entropy", reference)
    expect(cases.length).toBeGreaterThan(0)
    for (
      const { branch_tokens, branching_entropy, entropies, final_entropy, score: expected, start, ...given } of cases
    ) {
      const found = score(Float32Array.from(entropies), start, { ...options, ...given })
      expect(found.final_entropy).toBeCloseTo(final_entropy, 12)
      expect(found.branching_entropy).toBeCloseTo(branching_entropy, 12)
      expect(found.score).toBeCloseTo(expected, 12)
      expect(found.branch_tokens).toBe(branch_tokens)
    }
  })

  it("drops either term when its weight is 0", () => {
    const entropies = Float64Array.of(1, 3, 2, 0.5)
    expect(score(entropies, 3, { ...options, lambda: 0 }).score).toBe(-0.5)
    expect(score(entropies, 3, { ...options, final_weight: 0 }).score).toBe(3)
  })

  it("has no branching tokens when the span is the whole response", () => {
    expect(score(Float64Array.of(1, 2), 0, options)).toMatchObject({
      branching_entropy: 0,
      branch_tokens: 0,
      score: -1.5
    })
  })

  it("states the standard error of its formula", () => {
    // Span 1, 3: squared deviations 2; selected 4, 4: none. Variance of all of 0, 4, 4, 1, 3 is 3.3.
    const { score_sd } = score(Float64Array.of(0, 4, 4, 1, 3), 3, { ...options, top_m: 2, lambda: 0.5 })
    const final = (2 + 3.3) / 2 / 2
    const branching = 3.3 / 2 / 2
    expect(score_sd).toBeCloseTo(Math.sqrt(final + 0.25 * branching), 12)
  })

  it("is certain only of a response whose entropies are all equal", () => {
    expect(score(Float64Array.of(1, 1, 1), 2, options).score_sd).toBe(0)
    expect(score(Float64Array.of(1, 2, 1), 2, options).score_sd).toBeGreaterThan(0)
  })
})
