import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { pipeline, rounds } from "gemflow"
import { matchingOne, select } from "../../../runtime/pipeline/Select.ts"
import { Step } from "./exampleNodes.ts"
import { ancestorsOf, randomPipeline } from "./randomPipeline.ts"

const base = pipeline("base", () => {
  const start = Step({}, { steps: [] }, { name: "start" })
  const side = Step({}, { steps: [] }, { name: "side" })
  const last = rounds(2, start, (previous) => {
    const sampled = Step({}, { steps: [previous] }, { name: "sample" })
    return Step({}, { steps: [sampled, side] }, { name: "update" })
  })
  Step({}, { steps: [last] }, { name: "report" })
})

const selected = (...selections: ReadonlyArray<string>) => [...Result.getOrThrow(select(base, selections))]

describe("select", () => {
  it("takes all nodes when none is named", () => {
    expect(selected()).toEqual(base.nodes.map(({ name }) => name))
  })

  it("takes a node with what it depends on", () => {
    expect(selected("round-1/update")).toEqual(["start", "side", "round-1/sample", "round-1/update"])
    expect(selected("side", "start")).toEqual(["start", "side"])
  })

  it("takes what depends on a node too with +, and what that needs", () => {
    expect(selected("round-2/sample+")).toEqual(base.nodes.map(({ name }) => name))
    expect(selected("report+")).toEqual(base.nodes.map(({ name }) => name))
  })

  it("means all rounds by a bare name", () => {
    expect(selected("sample")).toEqual(["start", "side", "round-1/sample", "round-1/update", "round-2/sample"])
  })

  it("means the whole scope by its name", () => {
    expect(selected("round-1")).toEqual(["start", "side", "round-1/sample", "round-1/update"])
  })

  it("refuses an unknown name", () => {
    const result = select(base, ["reprot+"])
    expect(Result.isFailure(result) && result.failure.message).toMatch(/^--select reprot\+: .*Did you mean report\?/)
  })

  it.prop(
    "agrees with a naive model",
    { random: randomPipeline, pick: Schema.Int, plus: Schema.Boolean },
    ({ pick, plus, random }) => {
      const target = random.nodes.at(pick % (random.nodes.length || 1))?.name
      if (target === undefined) return
      const names = random.nodes.map(({ name }) => name)
      const roots = names.filter((name) => name === target || (plus && ancestorsOf(random, name).has(target)))
      const expected = new Set(roots.flatMap((name) => [name, ...ancestorsOf(random, name)]))
      const actual = Result.getOrThrow(select(random, [plus ? `${target}+` : target]))
      expect([...actual]).toEqual(names.filter((name) => expected.has(name)))
    }
  )
})

describe("matchingOne", () => {
  it("takes the last instance of a bare name and tells the others", () => {
    const { instance, others } = Result.getOrThrow(matchingOne(base, "update", "show"))
    expect(instance.name).toBe("round-2/update")
    expect(others.map(({ name }) => name)).toEqual(["round-1/update"])
  })
})
