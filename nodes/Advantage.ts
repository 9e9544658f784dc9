/**
 * advantage: what each candidate is worth against the others of its prompt, SEGA's group advantage (GEM, arXiv 2511.13007).
 *
 *     r_i = f(S_i)        or f(mu_i)
 *     A_i = r_i - mean(r)
 *     w_i = weight_scale * A_i
 *
 * f is the identity or a softmax over the group; the released code also divides by the group's unbiased standard deviation,
 * which is `standardise` here. nodes/advantage/GroupAdvantage.ts has the formulas.
 *
 * @errors TooFewCandidates for a prompt with one candidate, whose advantage would be 0 by definition.
 */
import { zipWith } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Advantages, Ranking } from "gemflow/artifacts"
import { groupAdvantages } from "./advantage/GroupAdvantage.ts"
import { optional, Positive } from "./config/Field.ts"
import { byPrompt } from "./groups/ByPrompt.ts"
import { TooFewCandidates } from "./groups/TooFewCandidates.ts"

export const Advantage = Node.make("advantage", {
  doc: "Turns scores or ratings into advantages within each prompt's candidates.",
  module: import.meta.url,
  config: Schema.Struct({
    reward: optional(
      Schema.Literals(["score", "mu"]),
      "score",
      "What f is applied to: the entropy score S, or the rating mu that rank inferred from it."
    ),
    mapping: optional(
      Schema.Literals(["identity", "softmax"]),
      "identity",
      "f: the identity, or the softmax over the prompt's candidates."
    ),
    softmax_temperature: optional(Positive, 1, "With mapping softmax: what values are divided by before it."),
    standardise: optional(
      Schema.Boolean,
      false,
      "Divide the centred rewards by their unbiased standard deviation, as the released code does; the paper only centres."
    ),
    weight_scale: optional(Positive, 1, "w = weight_scale * A; the paper has w proportional to A.")
  }),
  inputs: { ranking: TableType.pick(Ranking, "candidate_id", "prompt_id", "candidate", "score", "mu") },
  output: Advantages,
  determinism: "exact",
  run: Effect.fn("Advantage.run")(function*({ config, inputs }) {
    const rows: Array<TableType.Row<typeof Advantages>> = []
    for (const [prompt_id, group] of byPrompt(inputs.ranking.rows())) {
      if (group.length < 2) return yield* new TooFewCandidates({ prompt_id, found: group.length })
      const advantages = groupAdvantages(group.map((row) => row[config.reward]), config)
      rows.push(...zipWith(group, advantages, ({ candidate, candidate_id }, advantage) => ({
        candidate_id,
        prompt_id,
        candidate,
        ...advantage
      })))
    }
    return rows
  })
})
