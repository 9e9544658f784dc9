import { describe, expect, it } from "@effect/vitest"
import { bradleyTerry } from "../../../nodes/rank/BradleyTerry.ts"
import { readFixture } from "../readFixture.ts"
import { deviation, Groups } from "./Groups.ts"

describe("bradleyTerry", () => {
  it("finds the mode and the Laplace sigma that scipy and torch find", () => {
    const reference = readFixture("bradley-terry", Groups)
    expect(reference.length).toBeGreaterThan(0)
    for (const { games, prior_sigma, ratings } of reference) {
      expect(deviation(bradleyTerry(ratings.length, games, { prior_sigma }), ratings)).toBeLessThan(1e-6)
    }
  })

  it("converges from certain games and a wide prior, where a full Newton step overshoots", () => {
    const ratings = bradleyTerry(3, [win(0, 1), win(0, 2), win(1, 2)], { prior_sigma: 1000 })
    const mus = ratings.map(({ mu }) => mu)
    // At the mode the prior's pull equals what the games leave unexplained.
    const [a = 0, b = 0, c = 0] = mus
    expect(sigmoid(b - a) + sigmoid(c - a) - a / 1e6).toBeCloseTo(0, 12)
    expect(a).toBeGreaterThan(b)
    expect(b).toBeGreaterThan(c)
  })

  it("gives all candidates the prior when every game is a coin flip", () => {
    const ratings = bradleyTerry(2, [{ first: 0, second: 1, win: 0.5, draw: 0, loss: 0.5 }], { prior_sigma: 2 })
    expect(ratings.map(({ mu }) => mu)).toEqual([0, 0])
  })
})

const win = (first: number, second: number) => ({ first, second, win: 1, draw: 0, loss: 0 })

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
