/**
 * Bradley-Terry over the soft games of one group (Bradley and Terry 1952), with a Gaussian prior and Laplace's sigma.
 *
 * P(i beats j) = sigmoid(theta_i - theta_j). With y_ij the expected result of the game, w + r / 2 (a draw is half a win), mu
 * is the mode of
 *
 *     log p(theta) = sum_(i<j) [ y_ij log sigmoid(theta_i - theta_j) + (1 - y_ij) log sigmoid(theta_j - theta_i) ]
 *                    - sum_i theta_i^2 / (2 prior_sigma^2)
 *
 * which is strictly concave, found by Newton's method; sigma_i^2 is the i-th diagonal element of the inverse of its negative
 * Hessian there.
 */
import { maximise } from "./Newton.ts"
import type { Rating } from "./Rating.ts"
import type { SoftGame } from "./SoftGames.ts"

export interface BradleyTerryOptions {
  /** Standard deviation of a quality before any game, in logits. */
  readonly prior_sigma: number
}

/** The belief about each of `players` qualities after the games, in logits. */
export const bradleyTerry = (
  players: number,
  games: ReadonlyArray<SoftGame>,
  options: BradleyTerryOptions
): ReadonlyArray<Rating> =>
  maximise(players, options.prior_sigma, (theta, { addGradient, addHessian }) => {
    let value = 0
    for (const { draw, first, second, win } of games) {
      const y = win + draw / 2
      const difference = (theta[first] ?? 0) - (theta[second] ?? 0)
      const p = 1 / (1 + Math.exp(-difference))
      value += y * logSigmoid(difference) + (1 - y) * logSigmoid(-difference)
      addGradient(first, y - p)
      addGradient(second, p - y)
      addHessian(first, first, -p * (1 - p))
      addHessian(second, second, -p * (1 - p))
      addHessian(first, second, p * (1 - p))
      addHessian(second, first, p * (1 - p))
    }
    return value
  })

// log(1 / (1 + exp(-x))), without overflow for either sign.
const logSigmoid = (x: number): number => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)))
