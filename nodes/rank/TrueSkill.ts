/**
 * TrueSkill over the soft games of one group, by Gaussian message passing (Herbrich, Minka and Graepel 2006).
 *
 * Model: skill theta_i ~ N(0, prior_sigma^2); in a game each side performs at theta + N(0, beta^2); with the difference
 * d = performance_i - performance_j, the first wins when d > eps, they draw when |d| <= eps, and the second wins when
 * d < -eps, where eps = sqrt(2) beta Phi^-1((1 + draw_probability) / 2).
 *
 * A hard outcome is the factor 1[d > eps]. A soft game knows its outcome only with probabilities (w, r, l), and enters as
 * virtual evidence (Pearl 1988): the factor w 1[d > eps] + r 1[|d| <= eps] + l 1[d < -eps]. A certain game is Herbrich's;
 * a coin flip (w = l = 1/2, no draws) says nothing.
 *
 * Expectation propagation: each game sends each of its two skills a Gaussian message. With the messages of the other games
 * N(m_i, v_i), N(m_j, v_j), c^2 = v_i + v_j + 2 beta^2, t = (m_i - m_j) / c and e = eps / c, the normaliser is
 *
 *     Z(t) = w Phi(t - e) + r [Phi(e - t) - Phi(-e - t)] + l Phi(-e - t)
 *     V = d log Z / dt,    W = -d^2 log Z / dt^2
 *
 * and matching moments gives skill i mean m_i + V v_i / c and variance v_i (1 - W v_i / c^2); for j the mean moves the
 * other way. Games are visited in turn until no message moves. One game between two candidates is exact.
 */
import { normalCdf, normalDensity, normalQuantile } from "../statistics/Normal.ts"
import type { Rating } from "./Rating.ts"
import type { SoftGame } from "./SoftGames.ts"

export interface TrueSkillOptions {
  /** Standard deviation of a skill before any game. */
  readonly prior_sigma: number
  /** Standard deviation of a performance around the skill. */
  readonly beta: number
  /** Probability that two equals draw; sets the draw margin. */
  readonly draw_probability: number
}

/** A Gaussian by natural parameters: precision 1 / variance, and precision times mean. Products are sums. */
interface Natural {
  readonly precision: number
  readonly shift: number
}

const maximumSweeps = 1000
const tolerance = 1e-12

/** The belief about each of `players` skills after the games. */
export const trueSkill = (
  players: number,
  games: ReadonlyArray<SoftGame>,
  options: TrueSkillOptions
): ReadonlyArray<Rating> => {
  const margin = Math.SQRT2 * options.beta * normalQuantile((1 + options.draw_probability) / 2)
  const prior: Natural = { precision: options.prior_sigma ** -2, shift: 0 }
  const beliefs = Array.from({ length: players }, () => prior)
  const silent: Natural = { precision: 0, shift: 0 }
  const messages = games.map(() => ({ toFirst: silent, toSecond: silent }))

  for (let sweep = 0; sweep < maximumSweeps; sweep++) {
    let change = 0
    for (const [index, game] of games.entries()) {
      const sent = messages[index] ?? { toFirst: silent, toSecond: silent }
      const withoutFirst = quotient(beliefs[game.first] ?? prior, sent.toFirst)
      const withoutSecond = quotient(beliefs[game.second] ?? prior, sent.toSecond)
      const [first, second] = play(game, withoutFirst, withoutSecond, margin, options.beta)
      messages[index] = { toFirst: quotient(first, withoutFirst), toSecond: quotient(second, withoutSecond) }
      change = Math.max(change, distance(beliefs[game.first], first), distance(beliefs[game.second], second))
      beliefs[game.first] = first
      beliefs[game.second] = second
    }
    if (change < tolerance) break
  }
  return beliefs.map(({ precision, shift }) => ({ mu: shift / precision, sigma: precision ** -0.5 }))
}

/** The two skills' beliefs after one game, given what all else says of them. */
const play = (
  game: SoftGame,
  first: Natural,
  second: Natural,
  margin: number,
  beta: number
): readonly [Natural, Natural] => {
  const [mi, vi] = [first.shift / first.precision, 1 / first.precision]
  const [mj, vj] = [second.shift / second.precision, 1 / second.precision]
  const c = Math.sqrt(vi + vj + 2 * beta * beta)
  const { V, W } = derivatives(game, (mi - mj) / c, margin / c)
  return [
    natural(mi + V * vi / c, vi * (1 - W * vi / (c * c))),
    natural(mj - V * vj / c, vj * (1 - W * vj / (c * c)))
  ]
}

/** V = Z'/Z and W = V^2 - Z''/Z of log Z(t). */
const derivatives = ({ draw: r, loss: l, win: w }: SoftGame, t: number, e: number) => {
  const Z = w * normalCdf(t - e) + r * (normalCdf(e - t) - normalCdf(-e - t)) + l * normalCdf(-e - t)
  // The outcome is impossible to double precision: the limits of V and W in the far tail.
  if (Z < 1e-290) return { V: w >= l ? e - t : -e - t, W: 1 }
  const upper = normalDensity(t - e)
  const lower = normalDensity(t + e)
  const slope = (w - r) * upper + (r - l) * lower
  const curvature = -(w - r) * (t - e) * upper - (r - l) * (t + e) * lower
  const V = slope / Z
  return { V, W: V * V - curvature / Z }
}

const natural = (mean: number, variance: number): Natural => ({ precision: 1 / variance, shift: mean / variance })

const quotient = (belief: Natural, message: Natural): Natural => ({
  precision: belief.precision - message.precision,
  shift: belief.shift - message.shift
})

const distance = (before: Natural | undefined, after: Natural): number =>
  before === undefined
    ? Number.POSITIVE_INFINITY
    : Math.abs(before.precision - after.precision) + Math.abs(before.shift - after.shift)
