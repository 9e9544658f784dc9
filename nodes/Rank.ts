/**
 * rank: a complete ranking of each prompt's candidates, by a Bayesian rating of their entropy scores.
 *
 * GEM names a scheme "analogous to TrueSkill and the Bradley-Terry model" and publishes none, so this is ours. A score S_i is
 * a noisy observation of a latent quality, with the standard error that its token-level terms give; each pair of
 * candidates plays one soft game, won with the probability that its quality is the higher (nodes/rank/SoftGames.ts); a
 * rating model infers a Gaussian belief N(mu, sigma^2) per candidate from the k (k - 1) / 2 games:
 *
 * - `trueskill`: Gaussian message passing (nodes/rank/TrueSkill.ts)
 * - `bradley-terry`: Newton's method with a Gaussian prior, sigma from the Hessian (nodes/rank/BradleyTerry.ts)
 *
 * Plackett-Luce, the listwise relative of Bradley-Terry, is left out: it takes one total order as observed, and with it drops
 * the uncertainty that the games carry.
 *
 * rank is by mu, ties broken by candidate index. Against ranking by S itself, mu is bounded (an extreme score wins its games
 * and no more) and shrinks towards 0 where the token-level evidence is weak.
 *
 * @errors TooFewCandidates for a prompt with one candidate; InvalidScore for a score that is not finite.
 */
import { zipWith } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { EntropyScores, Ranking } from "gemflow/artifacts"
import { optional, Positive, ProbabilityBelowOne } from "./config/Field.ts"
import { byPrompt } from "./groups/ByPrompt.ts"
import { TooFewCandidates } from "./groups/TooFewCandidates.ts"
import { bradleyTerry } from "./rank/BradleyTerry.ts"
import { InvalidScore } from "./rank/InvalidScore.ts"
import { ranked, type Rating } from "./rank/Rating.ts"
import { type NoisyScore, softGames } from "./rank/SoftGames.ts"
import { trueSkill } from "./rank/TrueSkill.ts"

const Scores = TableType.pick(EntropyScores, "candidate_id", "prompt_id", "candidate", "score", "score_sd")

const Config = Schema.Struct({
  model: optional(Schema.Literals(["trueskill", "bradley-terry"]), "trueskill", "The rating model."),
  prior_sigma: optional(
    Positive,
    1,
    "Standard deviation of a quality before any game; mu is on this scale (logits for bradley-terry)."
  ),
  beta: optional(
    Positive,
    0.5,
    "trueskill: standard deviation of a performance around the skill; half of prior_sigma in Herbrich et al. 2006."
  ),
  draw_probability: optional(
    ProbabilityBelowOne,
    0,
    "Probability that two equal candidates draw. bradley-terry counts a draw as half a win."
  )
})

export const Rank = Node.make("rank", {
  doc: "Rates and ranks each prompt's candidates by soft games between their entropy scores.",
  module: import.meta.url,
  config: Config,
  inputs: { scores: Scores },
  output: Ranking,
  determinism: "exact",
  map: { over: "scores", by: "prompt_id", groups: 64 },
  run: Effect.fn("Rank.run")(function*({ config, inputs }) {
    const rows: Array<TableType.Row<typeof Ranking>> = []
    for (const [prompt_id, group] of byPrompt(inputs.scores.rows())) {
      if (group.length < 2) return yield* new TooFewCandidates({ prompt_id, found: group.length })
      for (const row of group) yield* checkScore(row)
      const rated = zipWith(group, rate(group, config), (row, { mu, sigma }) => ({ ...row, mu, sigma }))
      for (const { candidate, candidate_id, mu, rank, score, sigma } of ranked(rated)) {
        rows.push({ candidate_id, prompt_id, candidate, score, mu, sigma, rank })
      }
    }
    return rows
  })
})

const rate = (group: ReadonlyArray<NoisyScore>, config: typeof Config.Type): ReadonlyArray<Rating> => {
  const games = softGames(group, config.draw_probability)
  switch (config.model) {
    case "trueskill":
      return trueSkill(group.length, games, config)
    case "bradley-terry":
      return bradleyTerry(group.length, games, config)
  }
}

const checkScore = (row: TableType.Row<typeof Scores>) => {
  const refuse = (column: "score" | "score_sd", expected: string) =>
    Effect.fail(new InvalidScore({ candidate_id: row.candidate_id, column, found: String(row[column]), expected }))
  if (!Number.isFinite(row.score)) return refuse("score", "a finite number")
  if (!Number.isFinite(row.score_sd) || row.score_sd < 0) return refuse("score_sd", "a finite number of at least 0")
  return Effect.void
}
