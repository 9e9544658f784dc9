import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Ranking } from "gemflow/artifacts"
import { Filter } from "gemflow/nodes"
import { runPure } from "./runNode.ts"
import { rankingTable } from "./tables.ts"

const kept = (groups: Readonly<Record<string, ReadonlyArray<number>>>, config: object) =>
  Effect.gen(function*() {
    const ranking = yield* rankingTable(groups)
    const rows = (yield* runPure(Filter, Ranking, config, { ranking })).rows()
    return rows.map(({ candidate_id }) => candidate_id)
  })

describe("filter", () => {
  it.effect("keeps every row as it is by default", () =>
    Effect.gen(function*() {
      const ranking = yield* rankingTable({ a: [1, 100, 2, 3], b: [1] })
      const filtered = yield* runPure(Filter, Ranking, {}, { ranking })
      expect(filtered.rows()).toEqual(ranking.rows())
    }))

  it.effect("drops the outlier of a group, by either rule, on either side", () =>
    Effect.gen(function*() {
      for (const [outliers, outlier_threshold] of [["mad", 3.5], ["iqr", 1.5]] as const) {
        const config = { outliers, outlier_threshold }
        expect(yield* kept({ a: [1, 1.1, 50, 0.9, 1.05] }, config)).toEqual(["a:0", "a:1", "a:3", "a:4"])
        expect(yield* kept({ a: [1, 1.1, -50, 0.9, 1.05] }, config)).toEqual(["a:0", "a:1", "a:3", "a:4"])
        expect(yield* kept({ a: [1, 1.1, 0.9, 1.05] }, config)).toHaveLength(4)
      }
    }))

  it.effect("has no outliers among equal scores, and finds the one that differs", () =>
    Effect.gen(function*() {
      expect(yield* kept({ a: [1, 1, 1] }, { outliers: "mad" })).toHaveLength(3)
      expect(yield* kept({ a: [1, 1, 1, 1, 2] }, { outliers: "mad" })).toEqual(["a:0", "a:1", "a:2", "a:3"])
    }))

  it.effect("judges against all prompts when asked to", () =>
    Effect.gen(function*() {
      const groups = { a: [1, 1.1, 0.9], b: [1.05, 0.95, 1], c: [40, 41, 42, 1] }
      expect(yield* kept(groups, { outliers: "mad" })).toEqual(
        ["a:0", "a:1", "a:2", "b:0", "b:1", "b:2", "c:0", "c:1", "c:2"]
      )
      expect(yield* kept(groups, { outliers: "mad", outlier_scope: "all" })).toEqual(
        // All of c but one are outliers: the nearest of them stays, so that two are left.
        ["a:0", "a:1", "a:2", "b:0", "b:1", "b:2", "c:0", "c:3"]
      )
    }))

  it.effect("drops the weakest, but leaves two", () =>
    Effect.gen(function*() {
      expect(yield* kept({ a: [3, 1, 2, 4] }, { drop_weakest: 1 })).toEqual(["a:0", "a:2", "a:3"])
      expect(yield* kept({ a: [3, 1, 2, 4], b: [1, 2] }, { drop_weakest: 9 })).toEqual(["a:0", "a:3", "b:0", "b:1"])
    }))

  it.effect("keeps the best and the worst", () =>
    Effect.gen(function*() {
      expect(yield* kept({ a: [3, 1, 2, 5, 4] }, { keep: "top-bottom" })).toEqual(["a:1", "a:3"])
      expect(yield* kept({ a: [3, 1, 2, 5, 4] }, { keep: "top-bottom", pairs: 2 })).toEqual([
        "a:1",
        "a:2",
        "a:3",
        "a:4"
      ])
      expect(yield* kept({ a: [3, 1, 2] }, { keep: "top-bottom", pairs: 2 })).toHaveLength(3)
      expect(yield* kept({ a: [1, 1, 1] }, { keep: "top-bottom" })).toEqual(["a:0", "a:2"])
    }))
})
