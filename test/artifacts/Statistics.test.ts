import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Column from "../../artifacts/Column.ts"
import { tableStatistics } from "../../artifacts/Statistics.ts"
import { Table } from "../../artifacts/Table.ts"
import * as TableType from "../../artifacts/TableType.ts"

const Mixed = TableType.make("Mixed", {
  score: Column.float64({ nullable: true }),
  text: Column.utf8(),
  flag: Column.bool(),
  terms: Column.list(Column.float32(), { nullable: true }),
  words: Column.list(Column.utf8())
})

describe("tableStatistics", () => {
  it.effect("sums up every column", () =>
    Effect.gen(function*() {
      const table = yield* Table.fromRows(Mixed, [
        { score: 1, text: "abc", flag: true, terms: Float32Array.of(1, 2, 6), words: ["a"] },
        { score: null, text: "", flag: false, terms: null, words: [] },
        { score: 4, text: "abc", flag: true, terms: Float32Array.of(), words: ["a", "b", "c"] },
        { score: Number.NaN, text: "z", flag: true, terms: Float32Array.of(-1), words: [] }
      ])
      expect(tableStatistics(table)).toMatchObject([
        { name: "score", kind: "number", count: 4, nulls: 1, notANumber: 1, values: { min: 1, max: 4, mean: 2.5 } },
        { name: "text", kind: "text", count: 4, nulls: 0, distinct: 3, lengths: { min: 0, max: 3, mean: 1.75 } },
        { name: "flag", kind: "bool", count: 4, nulls: 0, trues: 3 },
        {
          name: "terms",
          kind: "list",
          count: 4,
          nulls: 1,
          lengths: { min: 0, max: 3, mean: 4 / 3 },
          items: { min: -1, max: 6, mean: 2 }
        },
        { name: "words", kind: "list", count: 4, nulls: 0, lengths: { min: 0, max: 3, mean: 1 } }
      ])
    }))

  it.effect("says null, not zero or infinity, of a column without values, and keeps infinities", () =>
    Effect.gen(function*() {
      const Scores = TableType.pick(Mixed, "score")
      const [none] = tableStatistics(yield* Table.fromRows(Scores, [{ score: null }]))
      expect(none).toMatchObject({ nulls: 1, values: { min: null, max: null, mean: null, quantiles: null } })
      const [infinite] = tableStatistics(
        yield* Table.fromRows(Scores, [{ score: 1 }, { score: Infinity }, { score: 2 }])
      )
      expect(infinite).toMatchObject({ values: { min: 1, max: Infinity, mean: Infinity } })
    }))

  it.effect("gives quantiles as numpy does, of a hundred thousand values of a large column", () =>
    Effect.gen(function*() {
      const Scores = TableType.pick(Mixed, "score")
      const quantilesOf = (values: ReadonlyArray<number | null>) =>
        Effect.map(Table.fromRows(Scores, values.map((score) => ({ score }))), (table) => {
          const [score] = tableStatistics(table)
          return score?.kind === "number" ? score.values.quantiles : undefined
        })
      // numpy.quantile([1, 2, 3, 4, 10], [0.05, 0.25, 0.5, 0.75, 0.95])
      expect(yield* quantilesOf([10, 1, 3, null, 2, 4])).toEqual({
        q05: expect.closeTo(1.2),
        q25: 2,
        q50: 3,
        q75: 4,
        q95: expect.closeTo(8.8)
      })
      expect(yield* quantilesOf([5])).toEqual({ q05: 5, q25: 5, q50: 5, q75: 5, q95: 5 })
      const many = yield* quantilesOf(Array.from({ length: 250_000 }, (_, index) => (index * 7919) % 250_000))
      expect((many?.q50 ?? 0) / 125_000).toBeCloseTo(1, 1)
      expect((many?.q95 ?? 0) / 237_500).toBeCloseTo(1, 1)
    }))
})
