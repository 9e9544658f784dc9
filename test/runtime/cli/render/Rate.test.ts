import { describe, expect, it } from "@effect/vitest"
import { rate } from "../../../../runtime/cli/render/Rate.ts"

describe("a rate", () => {
  it("of a steady count is what it is, from the second report on", () => {
    const steady = rate()
    steady.report(0, 0)
    expect(steady.perSecond()).toBeUndefined()
    for (let second = 1; second <= 60; second++) {
      steady.report(second * 5, second * 1000)
      expect(steady.perSecond()).toBeCloseTo(5, 8)
    }
    expect(steady.remaining(500, 60_000)).toBeCloseTo(40_000, 3)
  })

  it("is not fooled by what an earlier execution has done", () => {
    const continued = rate()
    continued.report(900, 0)
    continued.report(910, 10_000)
    expect(continued.perSecond()).toBeCloseTo(1, 8)
    expect(continued.remaining(1000, 10_000)).toBeCloseTo(90_000, 3)
  })

  it("forgets a slow beginning", () => {
    const warming = rate()
    warming.report(0, 0)
    warming.report(1, 60_000)
    for (let second = 61; second <= 180; second++) warming.report(1 + (second - 60) * 10, second * 1000)
    expect(warming.perSecond()).toBeGreaterThan(9.9)
  })

  it("counts reports of the same moment together", () => {
    const bursts = rate()
    bursts.report(0, 0)
    bursts.report(1, 1000)
    bursts.report(4, 1000)
    expect(bursts.remaining(4, 1000)).toBe(0)
    bursts.report(5, 2000)
    expect(bursts.perSecond()).toBeGreaterThan(2)
  })

  it("does not come to its end while nothing is reported", () => {
    const stalled = rate()
    stalled.report(0, 0)
    stalled.report(10, 10_000)
    expect(stalled.remaining(100, 1_000_000)).toBeCloseTo(80_000, 3)
  })

  it("begins anew when the count does", () => {
    const phases = rate()
    phases.report(0, 0)
    phases.report(100, 1000)
    phases.report(0, 2000)
    expect(phases.perSecond()).toBeUndefined()
    phases.report(1, 3000)
    expect(phases.perSecond()).toBeCloseTo(1, 8)
  })
})
