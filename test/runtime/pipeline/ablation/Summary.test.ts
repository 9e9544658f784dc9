import { describe, expect, it } from "@effect/vitest"
import { summarise } from "../../../../runtime/pipeline/ablation/Summary.ts"

const table = (columns: Record<string, ReadonlyArray<unknown>>) => ({
  numRows: Object.values(columns)[0]?.length ?? 0,
  column: (name: string) => columns[name] ?? []
})
const of = (variant: string) => ({ variant, levels: [{ axis: "a", level: variant }] })

describe("summarise", () => {
  it("takes means over replicates, with Student's interval, by label", () => {
    const rows = summarise([of("x"), of("x"), of("x"), of("y")], [
      table({ policy: ["base", "gem"], accuracy: [0.5, 0.6], won: [true, false] }),
      table({ policy: ["gem", "base"], accuracy: [0.8, 0.5], won: [true, true] }),
      table({ policy: ["base", "gem"], accuracy: [0.5, 0.7], won: [null, Number.NaN] }),
      table({ policy: ["base"], accuracy: [1], won: [true] })
    ], { label: "policy", metrics: ["accuracy", "won"] })
    expect(rows.map(({ label, mean, metric, replicates, variant }) => [variant, label, metric, replicates, mean]))
      .toEqual([
        ["x", "base", "accuracy", 3, 0.5],
        ["x", "base", "won", 2, 1],
        ["x", "gem", "accuracy", 3, expect.closeTo(0.7, 12)],
        ["x", "gem", "won", 2, 0.5],
        ["y", "base", "accuracy", 1, 1],
        ["y", "base", "won", 1, 1]
      ])
    // 0.6, 0.7, 0.8: sd 0.1, and t(0.975, 2) = 4.30265.
    const half = 4.30265 * 0.1 / Math.sqrt(3)
    expect(rows[2]).toMatchObject({ sd: expect.closeTo(0.1, 12) })
    expect(rows[2]?.low).toBeCloseTo(0.7 - half, 5)
    expect(rows[2]?.high).toBeCloseTo(0.7 + half, 5)
    expect(rows[4]).toMatchObject({ sd: null, low: null, high: null, levels: [{ axis: "a", level: "y" }] })
  })

  it("takes the mean of rows with one label first, so that a replicate counts once", () => {
    const [row] = summarise([of("x"), of("x")], [
      table({ label: ["a", "a", "a"], value: [1, 2, 3] }),
      table({ label: ["a"], value: [4] })
    ], { label: "label", metrics: ["value"] })
    expect(row).toMatchObject({ replicates: 2, mean: 3 })
  })

  it("sums up as a whole what is no report", () => {
    const ids = Array.from({ length: 101 }, (_, index) => `candidate ${index}`)
    const options = { label: "id", metrics: ["value"] }
    expect(summarise([of("x")], [table({ id: ids, value: ids.map((_, index) => index) })], options)).toMatchObject([
      { label: "", mean: 50 }
    ])
    expect(summarise([of("x")], [table({ value: [2, 4] })], { ...options, label: null })).toMatchObject([
      { label: "", mean: 3 }
    ])
  })

  it("leaves out what has no value at all", () => {
    expect(summarise([of("x")], [table({ value: [null] })], { label: null, metrics: ["value"] })).toEqual([])
    expect(summarise([of("x")], [table({ value: [] })], { label: null, metrics: ["value"] })).toEqual([])
  })
})
