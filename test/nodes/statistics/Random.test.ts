import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { seededRandom, shuffled } from "../../../nodes/statistics/Random.ts"
import { readFixture } from "../readFixture.ts"

const draws = (seed: number) => {
  const random = seededRandom(seed)
  return Array.from({ length: 20 }, () => random.below(1000))
}

describe("seededRandom", () => {
  it("repeats for a seed and differs between seeds", () => {
    expect(draws(1)).toEqual(draws(1))
    expect(draws(1)).not.toEqual(draws(2))
  })

  it("draws the words of xoshiro128**", () => {
    const { random } = readFixture(
      "statistics",
      Schema.Struct({ random: Schema.Array(Schema.Struct({ seed: Schema.Int, words: Schema.Array(Schema.Int) })) })
    )
    expect(random.length).toBeGreaterThan(0)
    for (const { seed, words } of random) {
      const generator = seededRandom(seed)
      expect(words.map(() => generator.below(2 ** 32))).toEqual(words)
    }
  })

  it("is uniform: chi-squared over 10 cells stays below its 99.9 % point", () => {
    const random = seededRandom(3)
    const counts = Array.from({ length: 10 }, () => 0)
    for (let draw = 0; draw < 20_000; draw++) {
      const cell = random.below(10)
      counts[cell] = (counts[cell] ?? 0) + 1
    }
    const chiSquared = counts.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0)
    expect(chiSquared).toBeLessThan(27.9)
  })
})

describe("shuffled", () => {
  it("keeps every item once and leaves its argument alone", () => {
    const items = Array.from({ length: 50 }, (_, index) => index)
    const order = shuffled(items, seededRandom(5))
    expect(order).not.toEqual(items)
    expect(order.toSorted((a, b) => a - b)).toEqual(items)
    expect(items[0]).toBe(0)
  })

  it("puts each item in each place about equally often", () => {
    const random = seededRandom(9)
    const first = [0, 0, 0]
    for (let round = 0; round < 3000; round++) {
      const [item = 0] = shuffled([0, 1, 2], random)
      first[item] = (first[item] ?? 0) + 1
    }
    for (const count of first) expect(Math.abs(count - 1000)).toBeLessThan(110)
  })
})
