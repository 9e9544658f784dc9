import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { normalCdf, normalQuantile } from "../../../nodes/statistics/Normal.ts"
import { readFixture } from "../readFixture.ts"

describe("normalCdf", () => {
  it("agrees with scipy to ten digits, also far in the tail", () => {
    const { cdf } = readFixture(
      "statistics",
      Schema.Struct({ cdf: Schema.Array(Schema.Struct({ x: Schema.Number, value: Schema.Number })) })
    )
    expect(cdf.length).toBeGreaterThan(0)
    for (const { value, x } of cdf) expect(Math.abs(normalCdf(x) / value - 1)).toBeLessThan(1e-10)
  })

  it.effect.prop("is undone by the quantile", [Schema.Finite.check(Schema.isBetween({ minimum: -6, maximum: 3 }))], ([x]) =>
    Effect.sync(() => expect(normalQuantile(normalCdf(x))).toBeCloseTo(x, 8)))
})
