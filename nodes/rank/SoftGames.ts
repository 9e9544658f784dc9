/**
 * Soft games: what the entropy scores of two candidates say about which is better.
 *
 * A score is a noisy observation of a candidate's latent quality, S_i = theta_i + e_i with e_i ~ N(0, s_i^2), where s_i is
 * the standard error that the token-level terms give (nodes/entropy/EntropyScore.ts). Knowing nothing else,
 *
 *     theta_i - theta_j | S  ~  N(S_i - S_j, s^2),    s^2 = s_i^2 + s_j^2,
 *
 * so that the game between i and j is won with probability P(theta_i - theta_j > eps), lost with P(theta_i - theta_j < -eps)
 * and drawn otherwise. As in TrueSkill the draw margin is set by the probability that two equals draw:
 * P(|N(0, s^2)| <= eps) = draw_probability. Each of the k (k - 1) / 2 pairings is played once.
 *
 * The games of one candidate share its one score, so they are not independent evidence: sigma is the spread inside the
 * tournament, and smaller than what k scores alone would justify. The order by mu is unaffected.
 */
import { normalCdf, normalQuantile } from "../statistics/Normal.ts"

/** A candidate's score and its standard error, in nats. */
export interface NoisyScore {
  readonly score: number
  readonly score_sd: number
}

/** A game between the candidates at two places of a group; the three probabilities sum to 1. */
export interface SoftGame {
  readonly first: number
  readonly second: number
  /** Probability that the first is better. */
  readonly win: number
  readonly draw: number
  readonly loss: number
}

/** The k (k - 1) / 2 soft games of a group of k candidates. */
export const softGames = (group: ReadonlyArray<NoisyScore>, drawProbability: number): ReadonlyArray<SoftGame> =>
  group.flatMap((a, first) =>
    group.slice(first + 1).map((b, offset) => softGame(a, b, { first, second: first + 1 + offset }, drawProbability))
  )

const softGame = (
  a: NoisyScore,
  b: NoisyScore,
  { first, second }: { readonly first: number; readonly second: number },
  drawProbability: number
): SoftGame => {
  const difference = a.score - b.score
  const sd = Math.hypot(a.score_sd, b.score_sd)
  // Two scores without noise: the larger wins for certain, and equal ones are equally likely to be the better.
  if (sd === 0) {
    const draw = difference === 0 ? drawProbability : 0
    const win = difference > 0 ? 1 : difference < 0 ? 0 : (1 - draw) / 2
    return { first, second, win, draw, loss: 1 - win - draw }
  }
  const margin = sd * normalQuantile((1 + drawProbability) / 2)
  const win = normalCdf((difference - margin) / sd)
  const loss = normalCdf((-difference - margin) / sd)
  return { first, second, win, draw: Math.max(0, 1 - win - loss), loss }
}
