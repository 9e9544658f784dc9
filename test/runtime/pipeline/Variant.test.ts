import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Change, drop, Node, pipeline, rounds, set, swap, variant } from "gemflow"
import {
  Candidates,
  Compare,
  EntropyScore,
  Filter,
  Pairs,
  Rank,
  Ranking,
  Sample,
  Scores,
  Step
} from "./exampleNodes.ts"
import { randomPipeline } from "./randomPipeline.ts"

const base = pipeline("base", () => {
  const candidates = Sample({}, { prompts: Pairs({ path: "pairs.jsonl" }) })
  const scores = EntropyScore({ lambda: 1 }, { candidates })
  const ranking = Filter({ keep: 2 }, { ranking: Rank({ method: "true-skill" }, { scores }), scores })
  Compare({}, { rankings: [ranking] })
  return ranking
})

const BradleyTerry = Node.make("bradley-terry", {
  module: import.meta.url,
  config: Schema.Struct({
    method: Schema.optionalKey(Schema.String),
    prior: Schema.Finite.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1)))
  }),
  inputs: { scores: Scores },
  output: Ranking,
  determinism: "exact",
  run: () => Effect.succeed([])
})

describe("variant", () => {
  it("sets fields of a new pipeline and leaves the other as it was", () => {
    const changed = variant(base, "half", set(EntropyScore, { lambda: 0.5 }), set("filter", { keep: 1 }))
    expect(changed.name).toBe("half")
    expect(changed.byName.get("entropy-score")?.config).toEqual({ lambda: 0.5 })
    expect(changed.byName.get("filter")?.config).toEqual({ keep: 1 })
    expect(base.byName.get("entropy-score")?.config).toEqual({ lambda: 1 })
    expect(changed.byName.get("sample")).toBe(base.byName.get("sample"))
  })

  it("swaps a node under its name and wiring, keeping the fields that both have", () => {
    const swapped = variant(base, "bt", swap(Rank, BradleyTerry))
    expect(swapped.byName.get("rank")).toMatchObject({
      node: BradleyTerry.definition,
      config: { method: "true-skill" },
      inputs: { scores: ["entropy-score"] }
    })
    const configured = variant(base, "bt", swap("rank", BradleyTerry, { prior: 2 }))
    expect(configured.byName.get("rank")?.config).toEqual({ prior: 2 })
  })

  it("sets fields of what was swapped in", () => {
    const both = variant(base, "bt", swap(Rank, BradleyTerry), set(BradleyTerry, { prior: 3 }))
    expect(both.byName.get("rank")?.config).toEqual({ method: "true-skill", prior: 3 })
  })

  it("refuses to swap in a node with another contract", () => {
    expect(() => variant(base, "wrong", swap("rank", EntropyScore))).toThrow(
      /Variant\.test\.ts:\d+: variant wrong: input candidates of rank takes a table Candidates.*has no such input/
    )
    const ranksNothing = Node.make("scores", { ...BradleyTerry.definition, output: Candidates, run: none })
    expect(() => variant(base, "wrong", swap("rank", ranksNothing))).toThrow(
      /input ranking of filter takes a table Ranking, but is wired to the table Candidates of rank: column rank \(int32\)/
    )
  })

  it("drops a node whose readers can read its input", () => {
    const dropped = variant(base, "unfiltered", drop(Filter))
    expect(dropped.nodes.map(({ name }) => name)).toEqual(["pairs", "sample", "entropy-score", "rank", "compare"])
    expect(dropped.byName.get("compare")?.inputs).toEqual({ rankings: ["rank"] })
    expect(dropped.result).toBe("rank")
  })

  it("drops neighbours together, and a node in every round", () => {
    const looped = pipeline("looped", () => {
      const start = Step({}, { steps: [] }, { name: "start" })
      return rounds(2, start, (previous) => {
        const first = Step({}, { steps: [previous] }, { name: "first" })
        return Step({}, { steps: [Step({}, { steps: [first] }, { name: "second" })] }, { name: "last" })
      })
    })
    const dropped = variant(looped, "short", drop("first"), drop("second"))
    expect(dropped.nodes.map(({ inputs, name }) => [name, inputs["steps"]])).toEqual([
      ["start", []],
      ["round-1/last", ["start"]],
      ["round-2/last", ["round-1/last"]]
    ])
    expect(variant(looped, "none", drop("last"), drop("first"), drop("second")).result).toBe("start")
  })

  it("refuses to drop what no single input can stand in for", () => {
    expect(() => variant(base, "wrong", drop("rank"))).toThrow(
      /none of its inputs has the columns of Ranking/
    )
    const merged = pipeline("merged", () => {
      const [a, b] = [Step({}, { steps: [] }, { name: "a" }), Step({}, { steps: [] }, { name: "b" })]
      const both = Node.make("both", {
        ...Step.definition,
        inputs: { left: Scores, right: Scores },
        output: Scores,
        run: none
      })
      both({}, { left: a, right: b })
    })
    expect(() => variant(merged, "wrong", drop("both"))).toThrow(/several of its inputs \(left, right\)/)
  })

  it.each<[Change, RegExp]>([
    [set("rnak", { method: 1 }), /Did you mean rank\?/],
    [set("rank", { methd: "x" }), /did you mean method\?/],
    [set("rank", { method: 5 }), /set rank\.method: field method of rank expects string, found 5/],
    [set(Step, { weight: 1 }), /pipeline base does not use the node step/],
    [swap("rnak", BradleyTerry), /swap rnak: pipeline base has no node rnak/],
    [swap(Step, EntropyScore as never), /pipeline base does not use the node step/],
    [drop("fitler"), /drop fitler: .*Did you mean filter\?/]
  ])("refuses %o", (change, message) => {
    expect(() => variant(base, "wrong", change)).toThrow(message)
  })

  it("changes what was swapped in under the name that it took, and no more what was swapped out", () => {
    const swapped = swap(Rank, BradleyTerry)
    expect(variant(base, "named", swapped, set("rank", { prior: 4 })).byName.get("rank")?.config).toMatchObject({
      prior: 4
    })
    expect(() => variant(base, "wrong", swapped, set(Rank, { method: "mean" }))).toThrow(/does not use the node rank/)
  })

  it("tells the line of the variant that made a config which does not decode", () => {
    expect(() => variant(base, "wrong", set("entropy-score", { lambda: "1" }))).toThrow(
      /^\/.*Variant\.test\.ts:\d+: variant wrong, set entropy-score\.lambda: field lambda/
    )
  })

  it.prop(
    "that sets one field keeps every other instance",
    { random: randomPipeline, pick: Schema.Int },
    ({ pick, random }) => {
      const target = random.nodes.at(pick % (random.nodes.length || 1))
      if (target === undefined) return
      const changed = variant(random, "changed", set(target.name, { weight: 7 }))
      expect(changed.nodes.filter((instance, index) => instance !== random.nodes[index]).map(({ name }) => name))
        .toEqual([target.name])
      expect(changed.byName.get(target.name)?.inputs).toEqual(target.inputs)
    }
  )
})

const none = () => Effect.succeed([])
