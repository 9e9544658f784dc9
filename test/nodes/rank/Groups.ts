import { zipWith } from "effect/Array"
import * as Schema from "effect/Schema"
import type { Rating } from "../../../nodes/rank/Rating.ts"

export const Ratings = Schema.Array(Schema.Struct({ mu: Schema.Finite, sigma: Schema.Finite }))

/** Groups of candidates with their soft games and the reference's ratings. */
export const Groups = Schema.Array(Schema.Struct({
  scores: Schema.Array(Schema.Finite),
  sds: Schema.Array(Schema.Finite),
  draw_probability: Schema.Finite,
  prior_sigma: Schema.Finite,
  beta: Schema.optionalKey(Schema.Finite),
  games: Schema.Array(Schema.Struct({
    first: Schema.Int,
    second: Schema.Int,
    win: Schema.Finite,
    draw: Schema.Finite,
    loss: Schema.Finite
  })),
  ratings: Ratings
}))

/** The largest difference of a mu or sigma; NaN when there are not as many. */
export const deviation = (ratings: ReadonlyArray<Rating>, expected: ReadonlyArray<Rating>): number =>
  ratings.length !== expected.length
    ? Number.NaN
    : Math.max(...zipWith(ratings, expected, (a, b) => Math.max(Math.abs(a.mu - b.mu), Math.abs(a.sigma - b.sigma))))
