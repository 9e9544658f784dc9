import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { bootstrapInterval, clusters, wilsonInterval } from "../../../nodes/statistics/ProportionInterval.ts"
import { readFixture } from "../readFixture.ts"

const alone = (successes: number, size: number) =>
  Array.from({ length: size }, (_, index) => ({ successes: index < successes ? 1 : 0, size: 1 }))

describe("wilsonInterval", () => {
  it("is scipy's Wilson interval when every prompt has one observation", () => {
    const { wilson } = readFixture(
      "statistics",
      Schema.Struct({
        wilson: Schema.Array(
          Schema.Struct({ successes: Schema.Int, size: Schema.Int, low: Schema.Finite, high: Schema.Finite })
        )
      })
    )
    expect(wilson.length).toBeGreaterThan(0)
    for (const { high, low, size, successes } of wilson) {
      const interval = wilsonInterval(alone(successes, size))
      expect(interval.value).toBeCloseTo(successes / size, 14)
      expect(interval.low).toBeCloseTo(low, 10)
      expect(interval.high).toBeCloseTo(high, 10)
    }
  })

  it("takes prompts whose observations agree as one observation each", () => {
    const doubled = alone(7, 20).map(({ successes, size }) => ({ successes: 2 * successes, size: 2 * size }))
    const [interval, once] = [wilsonInterval(doubled), wilsonInterval(alone(7, 20))]
    expect(interval.low).toBeCloseTo(once.low, 12)
    expect(interval.high).toBeCloseTo(once.high, 12)
  })

  it("counts prompts, not observations, where all are right", () => {
    expect(wilsonInterval([{ successes: 50, size: 50 }, { successes: 50, size: 50 }]).low)
      .toBeCloseTo(wilsonInterval(alone(2, 2)).low, 12)
  })

  it("never claims more than the observations when prompts differ less than chance", () => {
    const balanced = Array.from({ length: 10 }, () => ({ successes: 1, size: 2 }))
    expect(wilsonInterval(balanced)).toEqual(wilsonInterval(alone(10, 20)))
  })
})

describe("bootstrapInterval", () => {
  it("comes near Wilson's interval for many prompts, and repeats for a seed", () => {
    const of = alone(300, 1000)
    const interval = bootstrapInterval(of, { resamples: 1000, seed: 1 })
    expect(interval).toEqual(bootstrapInterval(of, { resamples: 1000, seed: 1 }))
    const wilson = wilsonInterval(of)
    expect(Math.abs(interval.low - wilson.low)).toBeLessThan(0.006)
    expect(Math.abs(interval.high - wilson.high)).toBeLessThan(0.006)
  })

  it("widens when the observations of a prompt agree", () => {
    const options = { resamples: 500, seed: 2 }
    const grouped = bootstrapInterval(
      Array.from({ length: 20 }, (_, i) => ({ successes: i < 10 ? 10 : 0, size: 10 })),
      options
    )
    const single = bootstrapInterval(alone(100, 200), options)
    expect(grouped.high - grouped.low).toBeGreaterThan(2 * (single.high - single.low))
  })
})

describe("clusters", () => {
  it("counts observations and successes by key", () => {
    const of = clusters([["a", true], ["b", false], ["a", false]] as const, ([key]) => key, ([, success]) => success)
    expect(of).toEqual([{ successes: 1, size: 2 }, { successes: 0, size: 1 }])
  })
})
