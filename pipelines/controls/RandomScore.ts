/**
 * random-score: a control for entropy-score. Same contract, no information: what GEM gains over it is what the policy's
 * entropies know.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Candidates, EntropyScores } from "gemflow/artifacts"
import { seededRandom } from "../../nodes/statistics/Random.ts"

export const RandomScore = Node.make("random-score", {
  doc: "Scores each candidate at random.",
  module: import.meta.url,
  config: Schema.Struct({ seed: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))) }),
  inputs: { candidates: TableType.pick(Candidates, "candidate_id", "prompt_id", "candidate") },
  output: TableType.pick(EntropyScores, "candidate_id", "prompt_id", "candidate", "score", "score_sd"),
  determinism: "exact",
  run: ({ config, inputs }) =>
    Effect.sync(() => {
      const random = seededRandom(config.seed)
      return inputs.candidates.rows().map((row) => ({ ...row, score: random.below(2 ** 20) / 2 ** 20, score_sd: 0 }))
    })
})
