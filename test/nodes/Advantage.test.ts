import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Advantages } from "gemflow/artifacts"
import { Advantage } from "gemflow/nodes"
import { runPure } from "./runNode.ts"
import { messageOf, rankingTable } from "./tables.ts"

const advantages = (groups: Readonly<Record<string, ReadonlyArray<number>>>, config: object = {}) =>
  Effect.gen(function*() {
    const ranking = yield* rankingTable(groups)
    return (yield* runPure(Advantage, Advantages, config, { ranking })).rows()
  })

describe("advantage", () => {
  it.effect("centres the scores of each group, also of groups of different size", () =>
    Effect.gen(function*() {
      const rows = yield* advantages({ a: [1, 2, 6], b: [-1, 1] })
      expect(rows.map(({ advantage }) => advantage)).toEqual([-2, -1, 3, -1, 1])
      expect(rows.map(({ weight }) => weight)).toEqual([-2, -1, 3, -1, 1])
      expect(rows.map(({ reward }) => reward)).toEqual([1, 2, 6, -1, 1])
      expect(rows.map(({ baseline }) => baseline)).toEqual([3, 3, 3, 0, 0])
    }))

  it.effect("gives equal candidates exactly 0, standardised or not, however they round", () =>
    Effect.gen(function*() {
      for (const standardise of [false, true]) {
        for (const mapping of ["identity", "softmax"]) {
          const rows = yield* advantages({ a: [0.1, 0.1, 0.1] }, { standardise, mapping })
          expect(rows.map(({ weight }) => weight)).toEqual([0, 0, 0])
        }
      }
    }))

  it.effect("standardises by the unbiased standard deviation", () =>
    Effect.gen(function*() {
      const rows = yield* advantages({ a: [1, 2, 6] }, { standardise: true })
      const deviation = Math.sqrt((4 + 1 + 9) / 2)
      for (const [index, centred] of [-2, -1, 3].entries()) {
        expect(rows[index]?.advantage).toBeCloseTo(centred / deviation, 12)
      }
    }))

  it.effect("maps by softmax, without overflow", () =>
    Effect.gen(function*() {
      const rows = yield* advantages({ a: [1000, 1001] }, { mapping: "softmax", softmax_temperature: 0.5 })
      const p = 1 / (1 + Math.exp(-2))
      expect(rows[1]?.reward).toBeCloseTo(p, 12)
      expect(rows[1]?.advantage).toBeCloseTo(p - 0.5, 12)
    }))

  it.effect("rewards mu, and scales the weights", () =>
    Effect.gen(function*() {
      const rows = yield* advantages({ a: [10, 30] }, { reward: "mu", weight_scale: 4 })
      expect(rows.map(({ advantage }) => advantage)).toEqual([-1, 1])
      expect(rows.map(({ weight }) => weight)).toEqual([-4, 4])
    }))

  it.effect("names a prompt with one candidate", () =>
    Effect.gen(function*() {
      expect(yield* messageOf(advantages({ lonely: [1] }))).toContain("Prompt lonely has 1 candidate;")
    }))
})
