/**
 * What the compiler accepts. Nothing here runs: each `@ts-expect-error` is an assertion, which fails the type check as
 * soon as the line below it compiles. (That the messages are readable is checked in CompileErrors.test.ts.)
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import {
  Column,
  drop,
  grid,
  type Handle,
  level,
  Node,
  pipeline,
  reference,
  rounds,
  scope,
  seeds,
  set,
  swap,
  TableType,
  vary
} from "gemflow"
import { expectTypeOf } from "vitest"
import { Candidates, Compare, EntropyScore, Filter, Pairs, Rank, Ranking, Sample, Scores } from "./exampleNodes.ts"

export const handlesHaveTheDeclaredTable = () => {
  const candidates = Sample({}, { prompts: Pairs({ path: "pairs.jsonl" }) })
  expectTypeOf(candidates).toEqualTypeOf<Handle<typeof Candidates>>()
  expectTypeOf(EntropyScore({ lambda: 0.5 }, { candidates })).toEqualTypeOf<Handle<typeof Scores>>()
}

export const tablesMayHaveMoreColumnsAndNotFewer = () => {
  Rank({}, { scores: reference("wide", TableType.make("Wide", { ...Scores.columns, note: Column.utf8() })) })
  // @ts-expect-error This table has no column score, which this input needs.
  Rank({}, { scores: Sample({}, { prompts: Pairs({ path: "pairs.jsonl" }) }) })
}

export const columnsHaveTheirType = () => {
  const text = TableType.make("Text", { candidate_id: Column.utf8(), score: Column.utf8() })
  // @ts-expect-error This table's column score has another type than this input declares.
  Rank({}, { scores: reference("text", text) })
  const gaps = TableType.make("Gaps", { candidate_id: Column.utf8(), score: Column.float64({ nullable: true }) })
  // @ts-expect-error Nulls flow nowhere where they are not declared.
  Rank({}, { scores: reference("gaps", gaps) })
}

export const configsFitTheirSchema = () => {
  const candidates = reference("sample", Candidates)
  // @ts-expect-error Type 'string' is not assignable to type 'number'.
  EntropyScore({ lambda: "0.5" }, { candidates })
  // @ts-expect-error 'lamda' does not exist in this config.
  EntropyScore({ lamda: 0.5 }, { candidates })
  // @ts-expect-error Type '"some"' is not assignable to type '"all" | "selected"'.
  EntropyScore({ over: "some" }, { candidates })
  // @ts-expect-error Property 'keep' is missing.
  Filter({}, { ranking: reference("rank", Ranking), scores: reference("entropy-score", Scores) })
  // @ts-expect-error A config with a required field cannot be left out.
  Pairs()
}

export const inputsAreAllWiredAndNoOthers = () => {
  // @ts-expect-error Property 'candidates' is missing.
  EntropyScore({}, {})
  // @ts-expect-error Property 'scores' is missing.
  Filter({ keep: 1 }, { ranking: reference("rank", Ranking) })
  // @ts-expect-error This node has no input named policy; it has scores.
  Rank({}, { scores: reference("entropy-score", Scores), policy: reference("sample", Candidates) })
  // @ts-expect-error A source reads nothing.
  Pairs({ path: "pairs.jsonl" }, { scores: reference("entropy-score", Scores) })
  // @ts-expect-error This input takes the table of a node.
  Rank({}, { scores: Scores })
}

export const manyTakesLists = () => {
  Compare({}, { rankings: [reference("a", Ranking), reference("b", Ranking)] })
  Compare({}, { rankings: rounds.all(2, reference("a", Ranking), (ranking) => ranking) })
  // @ts-expect-error One table where a list is read.
  Compare({}, { rankings: reference("a", Ranking) })
  // @ts-expect-error This table has no column rank, which this input needs.
  Compare({}, { rankings: [reference("a", Ranking), reference("b", Scores)] })
}

export const runIsTyped = () =>
  Node.make("typed", {
    module: import.meta.url,
    config: Schema.Struct({ lambda: Schema.Finite.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))) }),
    inputs: { candidates: TableType.pick(Candidates, "token_entropy"), rankings: Node.many(Ranking) },
    output: Scores,
    determinism: "exact",
    run: Effect.fn("typed.run")(function*({ config, inputs, progress }) {
      expectTypeOf(config).toEqualTypeOf<{ readonly lambda: number }>()
      expectTypeOf(inputs.candidates.rows()[0]?.token_entropy).toEqualTypeOf<Float32Array | undefined>()
      expectTypeOf(inputs.rankings[0]?.rows()[0]?.rank).toEqualTypeOf<number | undefined>()
      // @ts-expect-error The input does not declare this column.
      expectTypeOf(inputs.candidates.rows()[0]?.prompt_id)
      yield* progress({ done: 1, total: 1, unit: "rows" })
      return [{ candidate_id: "a", score: config.lambda }]
    })
  })

export const rowsFitTheOutput = () =>
  Node.make("wrong-rows", {
    module: import.meta.url,
    config: Schema.Struct({}),
    inputs: {},
    output: Scores,
    determinism: "exact",
    // @ts-expect-error Type 'string' is not assignable to type 'number'.
    run: () => Effect.succeed([{ candidate_id: "a", score: "high" }])
  })

export const pipelinesReturnAHandleOrNothing = () => {
  pipeline("none", () => {})
  pipeline("some", () => Pairs({ path: "pairs.jsonl" }))
  // @ts-expect-error A pipeline returns a handle.
  pipeline("wrong", () => 1)
}

export const roundsKeepTheirTable = () => {
  expectTypeOf(rounds(2, reference("a", Ranking), (ranking) => ranking)).toEqualTypeOf<Handle<typeof Ranking>>()
  // @ts-expect-error A round gives the table that the next one takes.
  rounds(2, reference("a", Ranking), () => reference("b", Scores))
}

export const scopesKeepWhatTheyReturn = () => {
  expectTypeOf(scope("part", () => reference("a", Ranking))).toEqualTypeOf<Handle<typeof Ranking>>()
  const both = scope("parts", () => ({ ranking: reference("a", Ranking), scores: [reference("b", Scores)] }))
  expectTypeOf(both).toEqualTypeOf<{ ranking: Handle<typeof Ranking>; scores: Array<Handle<typeof Scores>> }>()
  // @ts-expect-error This function is async; a scope is defined by a plain one.
  scope("late", async () => reference("a", Ranking))
  // @ts-expect-error This table has no column score, which this input needs.
  Rank({}, { scores: scope("part", () => reference("a", Ranking)) })
}

export const definitionsAreNotAsync = () => {
  // @ts-expect-error A promise is no handle.
  pipeline("late", async () => Pairs({ path: "pairs.jsonl" }))
}

export const settingsFitTheConfig = () => {
  set(EntropyScore, { lambda: 0.5 })
  set(Pairs, { limit: 3 })
  set("round-1/entropy-score", { anything: 1 })
  // @ts-expect-error 'lamda' does not exist in this config.
  set(EntropyScore, { lamda: 0.5 })
  // @ts-expect-error Type 'string' is not assignable to type 'number'.
  set(EntropyScore, { lambda: "0.5" })
  // @ts-expect-error Type '"some"' is not assignable to type '"all" | "selected"'.
  set(EntropyScore, { over: "some" })
}

/** Reads less than `rank`, makes more than it, and has a config of its own. */
const Mean = Node.make("mean", {
  ...Rank.definition,
  config: Schema.Struct({ method: Schema.String, weight: Schema.Finite }),
  inputs: { scores: TableType.pick(Scores, "score") },
  output: TableType.make("Wide", { ...Ranking.columns, note: Column.utf8() }),
  run: () => Effect.succeed([])
})

export const swapsKeepTheContract = () => {
  swap(Rank, Mean, { method: "x", weight: 1 })
  swap("rank", EntropyScore)
  // `method` is kept where both require it, so `weight` alone would not do: a config is given as a whole.
  swap(Mean, Mean)
  // @ts-expect-error `weight` is required and rank has none that could be kept.
  swap(Rank, Mean)
  // @ts-expect-error Property 'weight' is missing.
  swap(Rank, Mean, { method: "x" })
  // @ts-expect-error This node reads column candidate_id of its input scores, which the one in whose place it goes does not.
  swap(Mean, Rank)
  // @ts-expect-error This node reads an input candidates, and the one in whose place it goes has none of that name.
  swap(Rank, EntropyScore)
  // @ts-expect-error This node makes no column rank, which the one in whose place it goes makes.
  swap(Compare, EntropyScore)
}

export const dropsLeaveATable = () => {
  drop(Filter)
  drop("rank")
  // @ts-expect-error None of this node's inputs has the columns that it makes.
  drop(Rank)
  // @ts-expect-error A source has no input that could take its place.
  drop(Pairs)
}

export const gridsAreTyped = () => {
  const base = pipeline("base", () => {})
  const { points, replicates } = grid(base, {
    lambda: vary(EntropyScore, "lambda", [0.1, 1]),
    rank: [level("as-is"), set(Rank, { method: "mean" }), swap(Rank, Mean, { method: "x", weight: 1 })],
    seed: seeds(3, Sample)
  })
  expectTypeOf(points[0]?.levels.lambda).toEqualTypeOf<string | undefined>()
  expectTypeOf(replicates).toEqualTypeOf<"lambda" | "rank" | "seed" | undefined>()
  // @ts-expect-error There is no axis lamda.
  expectTypeOf(points[0]?.levels.lamda)
  // @ts-expect-error There is no field lamda.
  vary(EntropyScore, "lamda", [1])
  // @ts-expect-error Type 'string' is not assignable to type 'number'.
  vary(EntropyScore, "lambda", [0.1, "1"])
  // @ts-expect-error A node is no change: write swap(Rank, EntropyScore).
  grid(base, { rank: [EntropyScore] })
  // @ts-expect-error There is no axis sed.
  grid(base, { seed: seeds(2) }, { replicates: "sed" })
}
