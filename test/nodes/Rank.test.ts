import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Ranking } from "gemflow/artifacts"
import { Rank } from "gemflow/nodes"
import { runPure } from "./runNode.ts"
import { messageOf, scoresTable } from "./tables.ts"

const models = ["trueskill", "bradley-terry"] as const

const ranked = (groups: Readonly<Record<string, ReadonlyArray<number>>>, config: object, score_sd?: number) =>
  Effect.gen(function*() {
    const scores = yield* scoresTable(groups, score_sd)
    return (yield* runPure(Rank, Ranking, config, { scores })).rows()
  })

describe.each(models)("rank by %s", (model) => {
  it.effect("orders a group by score when all are equally certain, whatever the size of the group", () =>
    Effect.gen(function*() {
      const rows = yield* ranked({ a: [0.1, 0.5, -0.2], b: [1, 2], c: [5, 4, 3, 2, 1, 0, -1] }, { model })
      const ranks = (prompt: string) => rows.filter((row) => row.prompt_id === prompt).map(({ rank }) => rank)
      expect(ranks("a")).toEqual([2, 1, 3])
      expect(ranks("b")).toEqual([2, 1])
      expect(ranks("c")).toEqual([1, 2, 3, 4, 5, 6, 7])
    }))

  it.effect("breaks ties by candidate index, with equal mu and sigma", () =>
    Effect.gen(function*() {
      for (const score_sd of [0.1, 0]) {
        const rows = yield* ranked({ a: [0.3, 0.3, 0.3] }, { model }, score_sd)
        expect(rows.map(({ rank }) => rank)).toEqual([1, 2, 3])
        for (const { mu, sigma } of rows) {
          expect(mu).toBe(0)
          expect(sigma).toBeCloseTo(rows[0]?.sigma ?? Number.NaN, 12)
        }
      }
    }))

  it.effect("breaks ties by index wherever they stand among others", () =>
    Effect.gen(function*() {
      const rows = yield* ranked({ a: [0.1, 0.7, 0.3, 0.7, 0.3, 0.1] }, { model })
      expect(rows.map(({ rank }) => rank)).toEqual([5, 1, 3, 2, 4, 6])
    }))

  it.effect("shrinks mu towards 0 as the evidence weakens", () =>
    Effect.gen(function*() {
      const spread = (score_sd: number) =>
        Effect.map(ranked({ a: [0, 1] }, { model }, score_sd), ([low, high]) => (high?.mu ?? 0) - (low?.mu ?? 0))
      const [certain, likely, vague] = [yield* spread(0), yield* spread(1), yield* spread(100)]
      expect(certain).toBeGreaterThan(likely)
      expect(likely).toBeGreaterThan(vague)
      expect(vague).toBeGreaterThan(0)
    }))

  it.effect("names a prompt with one candidate, and a score that is not a number", () =>
    Effect.gen(function*() {
      expect(yield* messageOf(ranked({ a: [1, 2], lonely: [1] }, { model }))).toContain(
        "Prompt lonely has 1 candidate;"
      )
      expect(yield* messageOf(ranked({ a: [1, Number.NaN] }, { model }))).toContain("Candidate a:1, column score: NaN")
      expect(yield* messageOf(ranked({ a: [1, 2] }, { model }, -1))).toContain("Candidate a:0, column score_sd: -1")
    }))
})
