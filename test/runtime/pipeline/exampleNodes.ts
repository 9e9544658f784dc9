/** Small nodes shaped like the ones of GEM, for tests of planning: none of them ever runs. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Column, InputFile, Node, TableType } from "gemflow"

export const Prompts = TableType.make("Prompts", { prompt_id: Column.utf8(), prompt: Column.utf8() })
export const Candidates = TableType.make("Candidates", {
  candidate_id: Column.utf8(),
  prompt_id: Column.utf8(),
  token_entropy: Column.list(Column.float32(), { unit: "nats" })
})
export const Scores = TableType.make("Scores", { candidate_id: Column.utf8(), score: Column.float64() })
export const Ranking = TableType.make("Ranking", { candidate_id: Column.utf8(), rank: Column.int32() })

export const Pairs = Node.make("pairs", {
  module: import.meta.url,
  config: Schema.Struct({ path: InputFile, limit: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))) }),
  inputs: {},
  output: Prompts,
  determinism: "exact",
  run: () => Effect.succeed([])
})

export const Sample = Node.make("sample", {
  doc: "Draws candidates",
  module: import.meta.url,
  config: Schema.Struct({
    candidates: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 64 })).pipe(
      Schema.withDecodingDefaultKey(Effect.succeed(5))
    ),
    temperature: Schema.Finite.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0.9)))
  }),
  inputs: { prompts: TableType.pick(Prompts, "prompt_id") },
  output: Candidates,
  determinism: "seeded",
  device: true,
  run: () => Effect.succeed([])
})

export const EntropyScore = Node.make("entropy-score", {
  module: import.meta.url,
  config: Schema.Struct({
    lambda: Schema.Finite.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))),
    over: Schema.Literals(["selected", "all"]).pipe(Schema.withDecodingDefaultKey(Effect.succeed("selected" as const)))
  }),
  inputs: { candidates: TableType.pick(Candidates, "candidate_id", "token_entropy") },
  output: Scores,
  determinism: "exact",
  run: ({ inputs }) =>
    Effect.succeed(
      inputs.candidates.rows().map(({ candidate_id, token_entropy }) => ({
        candidate_id,
        score: -token_entropy.length
      }))
    )
})

export const Rank = Node.make("rank", {
  module: import.meta.url,
  config: Schema.Struct({ method: Schema.String.pipe(Schema.withDecodingDefaultKey(Effect.succeed("true-skill"))) }),
  inputs: { scores: Scores },
  output: Ranking,
  determinism: "exact",
  run: () => Effect.succeed([])
})

export const Filter = Node.make("filter", {
  module: import.meta.url,
  config: Schema.Struct({ keep: Schema.Int }),
  inputs: { ranking: Ranking, scores: Scores },
  output: Ranking,
  determinism: "exact",
  run: () => Effect.succeed([])
})

export const Compare = Node.make("compare", {
  module: import.meta.url,
  config: Schema.Struct({}),
  inputs: { rankings: Node.many(Ranking) },
  output: Scores,
  determinism: "exact",
  run: ({ inputs }) => Effect.succeed(inputs.rankings.map((ranking) => ({ candidate_id: "", score: ranking.numRows })))
})

/** A node that may read any number of its own kind: graphs of every shape can be built from it. */
export const Step = Node.make("step", {
  module: import.meta.url,
  config: Schema.Struct({ weight: Schema.Finite.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))) }),
  inputs: { steps: Node.many(Scores) },
  output: Scores,
  determinism: "exact",
  run: () => Effect.succeed([])
})
