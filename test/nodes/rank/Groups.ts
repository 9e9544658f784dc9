import { expect } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { Rating } from "../../../nodes/rank/Rating.ts"

export const Ratings = Schema.Array(Schema.Struct({ mu: Schema.Number, sigma: Schema.Number }))

/** Groups of candidates with their soft games and the reference's ratings. */
export const Groups = Schema.Array(Schema.Struct({
  scores: Schema.Array(Schema.Number),
  sds: Schema.Array(Schema.Number),
  draw_probability: Schema.Number,
  prior_sigma: Schema.Number,
  beta: Schema.optionalKey(Schema.Number),
  games: Schema.Array(Schema.Struct({
    first: Schema.Int,
    second: Schema.Int,
    win: Schema.Number,
    draw: Schema.Number,
    loss: Schema.Number
  })),
  ratings: Ratings
}))

/** Each mu and sigma within `tolerance` of the expected. */
export const closeTo = (
  ratings: ReadonlyArray<Rating | undefined>,
  expected: ReadonlyArray<Rating>,
  tolerance: number
) => {
  expect(ratings).toHaveLength(expected.length)
  for (const [index, { mu, sigma }] of expected.entries()) {
    expect(Math.abs((ratings[index]?.mu ?? Number.NaN) - mu)).toBeLessThanOrEqual(tolerance)
    expect(Math.abs((ratings[index]?.sigma ?? Number.NaN) - sigma)).toBeLessThanOrEqual(tolerance)
  }
}
