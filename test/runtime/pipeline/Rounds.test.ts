import { describe, expect, it } from "@effect/vitest"
import { pipeline, rounds } from "gemflow"
import { Compare, EntropyScore, Pairs, Rank, Sample, Step } from "./exampleNodes.ts"

describe("rounds", () => {
  it("repeats nodes under the round's name, each round fed by the one before", () => {
    const { nodes, result } = pipeline("looped", () => {
      const start = Step({}, { steps: [] }, { name: "start" })
      return rounds(3, start, (previous, round) => Step({ weight: round }, { steps: [previous] }))
    })
    expect(nodes.map(({ config, inputs, name }) => [name, config, inputs["steps"]])).toEqual([
      ["start", {}, []],
      ["round-1/step", { weight: 1 }, ["start"]],
      ["round-2/step", { weight: 2 }, ["round-1/step"]],
      ["round-3/step", { weight: 3 }, ["round-2/step"]]
    ])
    expect(result).toBe("round-3/step")
  })

  it("gives what it was given when there are no rounds", () => {
    const { nodes, result } = pipeline(
      "none",
      () => rounds(0, Step({}, { steps: [] }), (previous) => Step({}, { steps: [previous] }))
    )
    expect(nodes.map(({ name }) => name)).toEqual(["step"])
    expect(result).toBe("step")
  })

  it("gives every round's handle, and nests", () => {
    const { byName } = pipeline("all", () => {
      const scores = EntropyScore({}, { candidates: Sample({}, { prompts: Pairs({ path: "a" }) }) })
      const rankings = rounds.all(2, Rank({}, { scores }), () => Rank({}, { scores }), { name: "attempt" })
      Compare({}, { rankings })
      rounds(1, scores, (outer) => rounds(2, outer, (inner) => Step({}, { steps: [inner] }), { name: "inner" }))
    })
    expect(byName.get("compare")?.inputs).toEqual({ rankings: ["attempt-1/rank", "attempt-2/rank"] })
    expect(byName.get("round-1/inner-2/step")?.inputs).toEqual({ steps: ["round-1/inner-1/step"] })
  })

  it("keeps the prefix to itself when a round fails", () => {
    const { nodes } = pipeline("failing", () => {
      const start = Step({}, { steps: [] }, { name: "start" })
      expect(() =>
        rounds(1, start, () => {
          throw new Error("mine")
        })
      ).toThrow("mine")
      Step({}, { steps: [start] }, { name: "after" })
    })
    expect(nodes.map(({ name }) => name)).toEqual(["start", "after"])
  })

  it.each([-1, 1.5, Number.NaN])("refuses %d rounds", (count) => {
    expect(() => pipeline("wrong", () => rounds(count, Step({}, { steps: [] }), (step) => step))).toThrow(
      /Rounds\.test\.ts:\d+: rounds\(.*whole number/
    )
  })
})
