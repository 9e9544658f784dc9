import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { softGames } from "../../../nodes/rank/SoftGames.ts"
import { trueSkill } from "../../../nodes/rank/TrueSkill.ts"
import { readFixture } from "../readFixture.ts"
import { deviation, Groups, Ratings } from "./Groups.ts"

const reference = readFixture(
  "trueskill",
  Schema.Struct({
    hard: Schema.Array(Schema.Struct({
      prior_sigma: Schema.Finite,
      beta: Schema.Finite,
      draw_probability: Schema.Finite,
      drawn: Schema.Boolean,
      ratings: Ratings
    })),
    soft: Groups,
    exact: Groups
  })
)

describe("trueSkill", () => {
  it("rates one game as the trueskill package does, won and drawn", () => {
    expect(reference.hard.length).toBeGreaterThan(0)
    for (const { drawn, ratings, ...options } of reference.hard) {
      const game = { first: 0, second: 1, win: drawn ? 0 : 1, draw: drawn ? 1 : 0, loss: 0 }
      expect(deviation(trueSkill(2, [game], options), ratings)).toBeLessThan(1e-9)
    }
  })

  it("reaches the fixed point of message passing with numerically integrated moments", () => {
    for (const { games, ratings, ...group } of reference.soft) {
      expect(deviation(trueSkill(ratings.length, games, { ...group, beta: group.beta ?? 0 }), ratings)).toBeLessThan(
        1e-6
      )
    }
  })

  it("comes near the exact posterior, of which message passing is an approximation", () => {
    for (const { games, ratings, ...group } of reference.exact) {
      expect(deviation(trueSkill(ratings.length, games, { ...group, beta: group.beta ?? 0 }), ratings)).toBeLessThan(
        0.06
      )
    }
  })

  it("learns nothing from a coin flip", () => {
    const ratings = trueSkill(2, [{ first: 0, second: 1, win: 0.5, draw: 0, loss: 0.5 }], options)
    expect(deviation(ratings, [{ mu: 0, sigma: 1 }, { mu: 0, sigma: 1 }])).toBeLessThan(1e-12)
  })

  it("mirrors: swapping who wins negates mu and keeps sigma", () => {
    const scores = [0.4, -0.1, 0.2].map((score) => ({ score, score_sd: 0.3 }))
    const mirrored = scores.map(({ score, score_sd }) => ({ score: -score, score_sd }))
    const ratings = trueSkill(3, softGames(scores, 0), options)
    const mirror = trueSkill(3, softGames(mirrored, 0), options)
    expect(deviation(mirror, ratings.map(({ mu, sigma }) => ({ mu: -mu, sigma })))).toBeLessThan(1e-10)
  })

  it("stays finite when certain games contradict each other, or the scale makes them impossible", () => {
    const cycle = [win(0, 1), win(1, 2), win(2, 0)]
    for (const beta of [0.5, 1e-4]) {
      for (const { mu, sigma } of trueSkill(3, cycle, { ...options, beta })) {
        expect(Math.abs(mu)).toBeLessThan(1)
        expect(sigma).toBeGreaterThan(0)
        expect(sigma).toBeLessThanOrEqual(1)
      }
    }
  })
})

const options = { prior_sigma: 1, beta: 0.5, draw_probability: 0 }

const win = (first: number, second: number) => ({ first, second, win: 1, draw: 0, loss: 0 })
