import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { studentCdf, studentQuantile } from "../../../../runtime/pipeline/ablation/StudentT.ts"

describe("Student's t", () => {
  // From the usual tables, to their five decimals.
  it.each([
    [1, 12.7062],
    [2, 4.30265],
    [3, 3.18245],
    [4, 2.77645],
    [9, 2.26216],
    [30, 2.04227],
    [120, 1.97993]
  ])("has the 97.5 % quantile of %i degrees of freedom", (freedom, quantile) => {
    expect(studentQuantile(0.975, freedom)).toBeCloseTo(quantile, 4)
    expect(studentQuantile(0.025, freedom)).toBeCloseTo(-quantile, 4)
  })

  it("is Cauchy's distribution with one degree of freedom, and nearly normal with many", () => {
    for (const t of [-3, -0.5, 0, 0.1, 2, 40]) {
      expect(studentCdf(t, 1)).toBeCloseTo(0.5 + Math.atan(t) / Math.PI, 12)
    }
    expect(studentQuantile(0.975, 1e6)).toBeCloseTo(1.959966, 5)
  })

  it.prop(
    "has quantiles that invert it",
    {
      freedom: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 })),
      thousandths: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 999 }))
    },
    ({ freedom, thousandths }) => {
      const probability = thousandths / 1000
      expect(studentCdf(studentQuantile(probability, freedom), freedom)).toBeCloseTo(probability, 9)
    }
  )
})
