import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { fillUniforms, noiseKey, threefry, uniformAt } from "../../../../runtime/policy/generate/SamplingNoise.ts"

describe("SamplingNoise", () => {
  // The vectors that the Random123 distribution checks its own implementation with.
  it("threefry is Threefry-2x32-20", () => {
    const ones = 0xffffffff
    expect(threefry({ low: 0, high: 0 }, 0, 0)).toEqual([0x6b200159, 0x99ba4efe])
    expect(threefry({ low: ones, high: ones }, ones, ones)).toEqual([0x1cb996fc, 0xbb002be7])
    expect(threefry({ low: 0x13198a2e, high: 0x03707344 }, 0x243f6a88, 0x85a308d3)).toEqual([0xc4923a9c, 0x483df7a0])
  })

  it("uniforms are even over [0, 1): chi-square over 64 cells of 64,000 draws", () => {
    const cells = new Float64Array(64)
    for (let candidate = 0; candidate < 64; candidate++) {
      const key = noiseKey(1, "a prompt", candidate)
      for (let step = 0; step < 1000; step++) {
        const cell = Math.floor(uniformAt(key, step) * 64)
        cells[cell] = (cells[cell] ?? 0) + 1
      }
    }
    const statistic = cells.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
    // The 99.9 % quantile at 63 degrees of freedom is 103.4; the draws are fixed, so this does not vary.
    expect(statistic).toBeLessThan(103.4)
    expect(statistic).toBeGreaterThan(30)
  })

  it("keys tell apart what could be confused by joining fields", () => {
    const keys = [
      noiseKey(1, "1", 1),
      noiseKey(11, "", 1),
      noiseKey(1, "11", 1),
      noiseKey(1, "", 11),
      noiseKey(1, "1,1", 1),
      noiseKey(0, "1", 1),
      noiseKey(1, "1", 0)
    ]
    expect(new Set(keys.map(({ high, low }) => `${high}:${low}`)).size).toBe(keys.length)
  })

  it.prop(
    "a uniform rounded to float32 stays below 1, also when it scales a total",
    [Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1e6 })), Schema.String, Schema.Finite],
    ([seed, promptId, scale]) => {
      const total = Math.fround(Math.abs(scale))
      const into = new Float32Array(8)
      fillUniforms(noiseKey(seed, promptId, 3), into, { first: 0, count: 4, offset: 1, stride: 2 })
      expect([into[0], into[2], into[4], into[6]]).toEqual([0, 0, 0, 0])
      for (const uniform of into) {
        expect(uniform >= 0 && uniform < 1).toBe(true)
        if (total > 1e-30 && Number.isFinite(total)) expect(Math.fround(uniform * total)).toBeLessThan(total)
      }
    }
  )

  it("even the largest uniform leaves its target below any total, so sampling always finds a token", () => {
    const largest = 1 - 2 ** -23
    for (const total of [1, 1 + 2 ** -23, 1 - 2 ** -24, 0.5, 2 - 2 ** -23, 1e-20]) {
      const rounded = Math.fround(total)
      expect(Math.fround(largest * rounded)).toBeLessThan(rounded)
    }
  })
})
