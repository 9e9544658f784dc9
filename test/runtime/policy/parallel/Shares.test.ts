import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { evenBatches, shares } from "../../../../runtime/policy/parallel/Shares.ts"

const Costs = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 50 }))).check(
  Schema.isMaxLength(30)
)
const Workers = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 }))

/** Groups of ascending numbers, each within the limit when all count as its largest; one number alone always fits. */
const groups = (lengths: ReadonlyArray<number>) => (tokens: number): ReadonlyArray<ReadonlyArray<number>> => {
  const made: Array<Array<number>> = []
  for (const length of lengths.toSorted((a, b) => a - b)) {
    const last = made.at(-1)
    if (last !== undefined && (last.length + 1) * length <= tokens) last.push(length)
    else made.push([length])
  }
  return made
}

describe("shares", () => {
  it("gives the most expensive first, each to the worker with least to do", () => {
    expect(shares([5, 9, 4, 3], 2)).toEqual([[1, 3], [0, 2]])
    expect(shares([5], 3)).toEqual([[0], [], []])
  })

  it.effect.prop("gives each piece to one worker, and no worker more than the mean and one piece", [Costs, Workers], (
    [costs, workers]
  ) =>
    Effect.sync(() => {
      const made = shares(costs, workers)
      expect(made.flat().toSorted((a, b) => a - b)).toEqual(costs.map((_, index) => index))
      const sum = (indices: ReadonlyArray<number>) => indices.reduce((total, index) => total + (costs[index] ?? 0), 0)
      const bound = sum(costs.map((_, index) => index)) / workers + Math.max(0, ...costs)
      for (const pieces of made) expect(sum(pieces)).toBeLessThanOrEqual(bound)
    }))
})

describe("even batches", () => {
  it("are those of one worker where there is one", () => {
    expect(evenBatches(groups([4, 4, 4, 4]), 100, 1)).toEqual([[4, 4, 4, 4]])
  })

  it("leave each worker something, and stay within the limit", () => {
    expect(evenBatches(groups([4, 4, 4, 4]), 100, 2)).toEqual([[4, 4], [4, 4]])
    expect(evenBatches(groups([4, 4, 4, 4]), 100, 3)).toEqual([[4, 4], [4, 4]])
    expect(evenBatches(groups([4, 4, 4, 4]), 4, 3)).toEqual([[4], [4], [4], [4]])
    expect(evenBatches(groups([1, 2, 3, 4, 5]), 100, 3)).toEqual([[1, 2], [3, 4], [5]])
    expect(evenBatches(groups([9, 1, 1]), 100, 2)).toEqual([[1, 1], [9]])
    expect(evenBatches(groups([7]), 100, 4)).toEqual([[7]])
  })

  it.effect.prop(
    "hold every item once, none longer than needed",
    [Costs, Workers],
    ([lengths, workers]) =>
      Effect.sync(() => {
        const within = groups(lengths)
        const batches = evenBatches(within, 60, workers)
        expect(batches.flat()).toEqual(lengths.toSorted((a, b) => a - b))
        const size = (batch: ReadonlyArray<number>) => batch.length * Math.max(...batch)
        for (const batch of batches) expect(size(batch) <= 60 || batch.length === 1).toBe(true)
        const wanted = Math.ceil(within(60).length / workers) * workers
        expect(batches.length).toBeLessThanOrEqual(Math.max(wanted, within(60).length))
        const several = batches.filter((batch) => batch.length > 1)
        const largest = Math.max(0, ...several.map(size))
        if (workers > 1 && several.length > 0) {
          // Were the largest smaller, there would be too many.
          const smaller = within(largest - 1)
          expect(smaller.length > wanted || smaller.some((batch) => batch.length === 1 && size(batch) >= largest)).toBe(
            true
          )
        }
      })
  )
})
