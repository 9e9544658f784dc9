/**
 * filter: cognitive filtering (GEM, arXiv 2511.13007): drops outliers and weak candidates, and optionally keeps only top and
 * bottom. The paper gives no rule, so each is off until asked for. They apply in the order below, to the ranking as it is
 * (`rank` stays the place among all candidates), and never leave fewer than two candidates of a prompt: where a rule would,
 * it spares those it would have dropped last.
 *
 * 1. `outliers`: scores outside the rest by the rule and threshold of nodes/filter/Outliers.ts, the furthest first; judged
 *    against the prompt's own candidates, or against all candidates (`outlier_scope`).
 * 2. `drop_weakest`: the lowest ranked.
 * 3. `keep: "top-bottom"`: the `pairs` best and the `pairs` worst.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, type TableType } from "gemflow"
import { Ranking } from "gemflow/artifacts"
import { Count, Natural, optional, Positive } from "./config/Field.ts"
import { outlyingness } from "./filter/Outliers.ts"
import { topBottom } from "./filter/TopBottom.ts"
import { byPrompt } from "./groups/ByPrompt.ts"

const Config = Schema.Struct({
  outliers: optional(
    Schema.Literals(["none", "mad", "iqr"]),
    "none",
    "Rule for outlying scores: none, median absolute deviation, or Tukey's fences."
  ),
  outlier_threshold: optional(
    Positive,
    3.5,
    "Distance in the rule's unit from which a score is an outlier; customary are 3.5 for mad and 1.5 for iqr."
  ),
  outlier_scope: optional(
    Schema.Literals(["prompt", "all"]),
    "prompt",
    "Whether a score is judged against those of its prompt, or against all."
  ),
  drop_weakest: optional(Natural, 0, "How many of the lowest ranked candidates of each prompt are dropped."),
  keep: optional(
    Schema.Literals(["all", "top-bottom"]),
    "all",
    "Keep all that is left, or the best and the worst of each prompt."
  ),
  pairs: optional(Count, 1, "With keep top-bottom: how many of the best, and as many of the worst.")
})

type Ranked = TableType.Row<typeof Ranking>

export const Filter = Node.make("filter", {
  doc: "Drops outlying and weak candidates; at least two of each prompt stay.",
  module: import.meta.url,
  config: Config,
  inputs: { ranking: Ranking },
  output: Ranking,
  determinism: "exact",
  run: Effect.fn("Filter.run")(function*({ config, inputs }) {
    const rows = inputs.ranking.rows()
    const distances = outlierDistances(rows, config)
    return [...byPrompt(rows).values()].flatMap((group) => {
      const inside = dropOutliers(group, distances)
      const strong = dropLast(inside, ({ rank }) => rank, config.drop_weakest)
      return config.keep === "all" ? strong : topBottom(strong, config.pairs)
    })
  })
})

const outlierDistances = (rows: ReadonlyArray<Ranked>, config: typeof Config.Type): ReadonlyMap<string, number> => {
  const { outlier_scope, outlier_threshold, outliers } = config
  if (outliers === "none") return new Map()
  const groups = outlier_scope === "all" ? [rows] : [...byPrompt(rows).values()]
  return new Map(groups.flatMap((group) => {
    const distances = outlyingness(group.map(({ score }) => score), outliers, outlier_threshold)
    return group.map(({ candidate_id }, index): [string, number] => [candidate_id, distances[index] ?? 0])
  }))
}

const dropOutliers = (group: ReadonlyArray<Ranked>, distances: ReadonlyMap<string, number>): ReadonlyArray<Ranked> => {
  const distance = ({ candidate_id }: Ranked) => distances.get(candidate_id) ?? 0
  return dropLast(group, distance, group.filter((row) => distance(row) > 1).length)
}

/** The group without the `count` rows of largest value, but at least two of it; equal values fall by rank. */
const dropLast = (
  group: ReadonlyArray<Ranked>,
  value: (row: Ranked) => number,
  count: number
): ReadonlyArray<Ranked> => {
  const order = group.toSorted((a, b) => value(a) - value(b) || a.rank - b.rank)
  const kept = new Set(order.slice(0, Math.max(2, group.length - count)))
  return group.filter((row) => kept.has(row))
}
