import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { normalCdf, normalQuantile } from "../../../nodes/statistics/Normal.ts"
import { readFixture } from "../readFixture.ts"

describe("normalCdf", () => {
  it("agrees with scipy to ten digits, also far in the tail", () => {
    const { cdf } = readFixture(
      "statistics",
      Schema.Struct({ cdf: Schema.Array(Schema.Struct({ x: Schema.Finite, value: Schema.Finite })) })
    )
    expect(cdf.length).toBeGreaterThan(0)
    for (const { value, x } of cdf) expect(Math.abs(normalCdf(x) / value - 1)).toBeLessThan(1e-10)
  })

  it("is undone by the quantile", () => {
    for (let x = -6; x <= 3; x += 0.37) expect(normalQuantile(normalCdf(x))).toBeCloseTo(x, 8)
  })
})
