import { describe, expect, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  type Change,
  Column,
  drop,
  grid,
  type Level,
  level,
  Node,
  pipeline,
  rounds,
  seeds,
  set,
  swap,
  TableType,
  variant,
  vary
} from "gemflow"
import type { NodeInstance, Pipeline } from "../../../runtime/pipeline/Pipeline.ts"
import { select } from "../../../runtime/pipeline/Select.ts"
import { applySettings } from "../../../runtime/pipeline/Settings.ts"
import { EntropyScore, Filter, Pairs, Rank, Ranking, Sample, Scores, Step } from "./exampleNodes.ts"
import { randomPipeline } from "./randomPipeline.ts"

const Mean = Node.make("mean", {
  ...Rank.definition,
  config: Schema.Struct({}),
  inputs: { scores: Scores },
  output: Ranking,
  run: none
})

const Draw = Node.make("draw", {
  module: import.meta.url,
  config: Schema.Struct({ seed: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(7))) }),
  inputs: {},
  output: Scores,
  determinism: "seeded",
  run: none
})

const base = pipeline("base", () => {
  const candidates = Sample({}, { prompts: Pairs({ path: "pairs.jsonl" }) })
  const scores = EntropyScore({}, { candidates })
  return Filter({ keep: 2 }, { ranking: Rank({}, { scores }), scores })
})

const names = ({ nodes }: Pipeline) => nodes.map(({ name }) => name)

describe("grid", () => {
  it("has a point for each combination, the last axis changing fastest", () => {
    const { points } = grid(base, {
      lambda: vary(EntropyScore, "lambda", [0.1, 1]),
      rank: [level("as-is"), swap(Rank, Mean), drop(Filter), set(Rank, { method: "x/y, z" })]
    })
    expect(points.map(({ name }) => name)).toEqual([
      "lambda=0.1,rank=as-is",
      "lambda=0.1,rank=mean",
      "lambda=0.1,rank=without-filter",
      "lambda=0.1,rank=x-y-z",
      "lambda=1,rank=as-is",
      "lambda=1,rank=mean",
      "lambda=1,rank=without-filter",
      "lambda=1,rank=x-y-z"
    ])
    expect(points[1]?.levels).toEqual({ lambda: "0.1", rank: "mean" })
  })

  it("keeps the names of what all variants share, and calls the rest by the axes on which they depend", () => {
    const { pipeline, points } = grid(base, {
      lambda: vary(EntropyScore, "lambda", [0.1, 0.5]),
      keep: vary(Filter, "keep", [1, 2])
    })
    expect(names(pipeline)).toEqual([
      "pairs",
      "sample",
      "lambda=0.1/entropy-score",
      "lambda=0.5/entropy-score",
      "lambda=0.1/rank",
      "lambda=0.5/rank",
      "lambda=0.1,keep=1/filter",
      "lambda=0.1,keep=2/filter",
      "lambda=0.5,keep=1/filter",
      "lambda=0.5,keep=2/filter",
      "ablation-report"
    ])
    expect(points[3]?.nodes.get("rank")).toBe("lambda=0.5/rank")
    expect(pipeline.byName.get("lambda=0.5,keep=2/filter")?.inputs).toEqual({
      ranking: ["lambda=0.5/rank"],
      scores: ["lambda=0.5/entropy-score"]
    })
  })

  it("shares what is written differently and means the same", () => {
    // The default of lambda is 1.
    const { pipeline } = grid(base, { lambda: [level("default"), ...vary(EntropyScore, "lambda", [1, 2])] })
    expect(names(pipeline)).toEqual([
      "pairs",
      "sample",
      "lambda=default/entropy-score",
      "lambda=2/entropy-score",
      "lambda=default/rank",
      "lambda=2/rank",
      "lambda=default/filter",
      "lambda=2/filter",
      "ablation-report"
    ])
  })

  it("gives names that --set and --select take", () => {
    const { pipeline } = grid(base, { lambda: vary(EntropyScore, "lambda", [0.1, 0.5]) })
    const apply = (setting: string) => Result.getOrThrow(applySettings(pipeline, [setting], "/"))
    const methods = (changed: Pipeline) => changed.nodes.flatMap(({ config }) => config["method"] ?? [])
    expect(methods(apply("lambda=0.5/rank.method=a=b.c/d"))).toEqual(["a=b.c/d"])
    expect(methods(apply("rank.method=x"))).toEqual(["x", "x"])
    expect([...Result.getOrThrow(select(pipeline, ["lambda=0.5/rank"]))]).toEqual([
      "pairs",
      "sample",
      "lambda=0.5/entropy-score",
      "lambda=0.5/rank"
    ])
    const unknown = applySettings(pipeline, ["lambda=0.5/rnak.method=x"], "/")
    expect(Result.isFailure(unknown) && unknown.failure.message).toMatch(/Did you mean lambda=0\.5\/rank\?/)
  })

  it("takes the seeds as replicates, the first of them being the pipeline as it is", () => {
    const seeded = pipeline("seeded", () => rounds(2, Draw({ seed: 3 }, {}, { name: "start" }), () => Draw()))
    const { pipeline: merged, points, replicates } = grid(seeded, { repetition: seeds(2), other: [level("only")] })
    expect(replicates).toBe("repetition")
    expect(points.map(({ replicate, variant }) => [replicate, variant])).toEqual([["1", "other=only"], [
      "2",
      "other=only"
    ]])
    expect(merged.nodes.map(({ config, name }) => [name, config])).toMatchObject([
      ["repetition=1/start", { seed: 3 }],
      ["repetition=2/start", { seed: 1003 }],
      ["repetition=1/round-1/draw", {}],
      ["repetition=2/round-1/draw", { seed: 1007 }],
      ["repetition=1/round-2/draw", {}],
      ["repetition=2/round-2/draw", { seed: 1007 }],
      ["ablation-report", {}]
    ])
    expect(grid(seeded, { draw: vary(Draw, "seed", [1, 2]) }).replicates).toBe("draw")
    expect(grid(seeded, { a: vary(Draw, "seed", [1, 2]), b: seeds(2) }, { replicates: "b" }).replicates).toBe("b")
  })

  it("compares what the results have in common", () => {
    const Wide = TableType.make("Wide", { note: Column.utf8(), ...Ranking.columns, high: Column.bool() })
    const Named = TableType.make("Named", {
      pair_id: Column.utf8({ id: true }),
      policy: Column.utf8(),
      rank: Column.int32()
    })
    const Widened = Node.make("widened", {
      ...Rank.definition,
      config: Schema.Struct({}),
      inputs: { scores: Scores },
      output: Wide,
      run: none
    })
    const ranked = variant(base, "ranked", drop(Filter))
    const { pipeline: merged } = grid(ranked, { rank: [level("as-is"), swap(Rank, Widened)] })
    const report = merged.byName.get(merged.result ?? "")
    expect(report?.config).toMatchObject({ label: "candidate_id", metrics: ["rank"] })
    expect(report?.inputs).toEqual({ results: ["rank=as-is/rank", "rank=widened/rank"] })
    const Names = Node.make("names", { ...Draw.definition, inputs: {}, output: Named, run: none })
    const { nodes } = grid(pipeline("named", () => Names()), { seed: seeds(2) }).pipeline
    // An id is no label.
    expect(nodes.at(-1)?.config).toMatchObject({ label: "policy", metrics: ["rank"] })
  })

  it("compares the result that a variant has where that of the base is left out", () => {
    const { pipeline: merged, points } = grid(base, { filter: [level("as-is"), drop(Filter)] })
    expect(points.map(({ result }) => result)).toEqual(["filter=as-is/filter", "rank"])
    expect(merged.byName.get("ablation-report")?.inputs).toEqual({ results: ["filter=as-is/filter", "rank"] })
  })

  it.each([
    ["no axis", () => grid(base, {}), /a grid has one axis at least/],
    ["an axis without levels", () => grid(base, { lambda: [] }), /axis lambda has no levels/],
    ["an axis that --set could not name", () => grid(base, { "a=b": [level("x")] }), /"a=b" cannot name/],
    ["a level that no name could hold", () => grid(base, { a: [level("a,b")] }), /"a,b" cannot name a level/],
    ["two levels of one name", () => grid(base, { a: [level("x"), level("x")] }), /axis a has two levels x/],
    ["no seeds", () => grid(base, { a: seeds(0) }), /seeds\(0\) cannot be/],
    ["seeds of nothing", () => grid(base, { a: seeds(2) }), /base has no node that is seeded or sampled and has/],
    ["seeds of a node without", () => grid(base, { a: seeds(2, Rank) }), /rank has no config field seed/],
    ["a wrong value", () => grid(base, { a: [set("rank", { method: 1 })] }), /a=1, set rank\.method: field method/]
  ])("refuses %s, naming the line", (_, define, message) => {
    expect(define).toThrow(message)
    expect(define).toThrow(/^\/.*Grid\.test\.ts:\d+: /)
  })

  it.prop(
    "holds every variant as it would be alone, and shares all that can be",
    { random: randomPipeline, drawn: drawnAxes() },
    ({ drawn, random }) => {
      if (random.nodes.length === 0) return
      const built = grid(
        random,
        Object.fromEntries([
          ...drawn.map((levels, axis): [string, ReadonlyArray<Level>] => [
            `axis-${axis}`,
            levels.map((each, index) => level(`${index}`, ...changeOf(random, each)))
          ]),
          // The last axis, so that no other changes what it leaves out.
          ["dropped", [level("nothing"), ...droppable(random).map((name, index) => level(`${index}`, drop(name)))]]
        ])
      )
      const { pipeline: merged, points } = built
      const used = new Set<string>()
      for (const point of points) {
        const alone = variant(random, "alone", ...point.changes)
        expect(point.nodes.size).toBe(alone.nodes.length)
        for (const instance of alone.nodes) {
          const name = point.nodes.get(instance.name) ?? ""
          const twin = merged.byName.get(name)
          used.add(name)
          expect(twin?.node).toBe(instance.node)
          expect(weightOf(twin)).toBe(weightOf(instance))
          expect(twin?.inputs["steps"]).toEqual(instance.inputs["steps"]?.map((source) => point.nodes.get(source)))
          expect(name.slice(name.lastIndexOf("/") + 1)).toBe(instance.name)
        }
      }
      expect(new Set(names(merged))).toEqual(used)
      const identities = merged.nodes.map((instance) => identity(merged, instance))
      expect(new Set(identities).size).toBe(identities.length)
    }
  )
})

const Other = Node.make("other", {
  ...Step.definition,
  config: Step.definition.config,
  inputs: { steps: Node.many(Scores) },
  output: Scores,
  run: none
})

interface Drawn {
  readonly kind: "set" | "swap" | "none"
  readonly at: number
  readonly weight: number
}

function drawnAxes() {
  const Level = Schema.Struct({
    kind: Schema.Literals(["set", "swap", "none"]),
    at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 24 })),
    weight: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 }))
  })
  const Levels = Schema.Array(Level).check(Schema.isMinLength(1), Schema.isMaxLength(3))
  return Arbitrary.schema(Schema.Array(Levels).check(Schema.isMinLength(1), Schema.isMaxLength(3)))
}

/** Two instances that can be left out, because they read one other. */
const droppable = (random: Pipeline): ReadonlyArray<string> =>
  random.nodes.filter(({ inputs }) => inputs["steps"]?.length === 1).map(({ name }) => name).slice(0, 2)

const changeOf = (random: Pipeline, { at, kind, weight }: Drawn): ReadonlyArray<Change> => {
  const instance = random.nodes[at % random.nodes.length]
  if (instance === undefined) return []
  if (kind === "set") return [set(instance.name, { weight })]
  if (kind === "swap") return [swap(instance.name, Other)]
  return []
}

const weightOf = (instance: NodeInstance | undefined): unknown => instance?.config["weight"] ?? 1

/** What an instance is, in full. */
const identity = (pipeline: Pipeline, instance: NodeInstance): string =>
  JSON.stringify([
    instance.name.slice(instance.name.lastIndexOf("/") + 1),
    instance.node.name,
    weightOf(instance),
    (instance.inputs["steps"] ?? []).map((name) => {
      const upstream = pipeline.byName.get(name)
      return upstream === undefined ? name : identity(pipeline, upstream)
    })
  ])

function none() {
  return Effect.succeed([])
}
