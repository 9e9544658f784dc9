import { describe, expect, it } from "@effect/vitest"
import { type Handle, pipeline, rounds, scope } from "gemflow"
import { type Candidates, Compare, EntropyScore, Pairs, Rank, Sample, Step } from "./exampleNodes.ts"

describe("scope", () => {
  it("names a part of a pipeline, used twice with other inputs", () => {
    const ranked = (candidates: Handle<typeof Candidates>) => Rank({}, { scores: EntropyScore({}, { candidates }) })
    const { nodes, result } = pipeline("twice", () => {
      const prompts = Pairs({ path: "pairs.jsonl" })
      const cold = scope("cold", () => ranked(Sample({ temperature: 0.5 }, { prompts })))
      const warm = scope("warm", () => ranked(Sample({ temperature: 1 }, { prompts })))
      return Compare({}, { rankings: [cold, warm] })
    })
    expect(nodes.map(({ inputs, name }) => [name, Object.values(inputs).flat()])).toEqual([
      ["pairs", []],
      ["cold/sample", ["pairs"]],
      ["cold/entropy-score", ["cold/sample"]],
      ["cold/rank", ["cold/entropy-score"]],
      ["warm/sample", ["pairs"]],
      ["warm/entropy-score", ["warm/sample"]],
      ["warm/rank", ["warm/entropy-score"]],
      ["compare", ["cold/rank", "warm/rank"]]
    ])
    expect(result).toBe("compare")
  })

  it("gives several handles, and lies in rounds and other scopes", () => {
    const { nodes } = pipeline("nested", () => {
      const { first, second } = scope("outer", () => ({
        first: Step({}, { steps: [] }, { name: "first" }),
        second: scope("inner", () => Step({}, { steps: [] }, { name: "second" }))
      }))
      rounds(2, first, (previous) => scope("part", () => Step({}, { steps: [previous, second] })))
    })
    expect(nodes.map(({ name }) => name)).toEqual([
      "outer/first",
      "outer/inner/second",
      "round-1/part/step",
      "round-2/part/step"
    ])
  })

  it("goes back to the outer names when its definition throws", () => {
    const { nodes } = pipeline("thrown", () => {
      expect(() =>
        scope("broken", () => {
          throw new Error("mine")
        })
      ).toThrow("mine")
      Step({}, { steps: [] })
    })
    expect(nodes.map(({ name }) => name)).toEqual(["step"])
  })

  it("refuses names that --select could not tell apart, and async definitions", () => {
    expect(() => pipeline("p", () => scope("a/b", () => Step({}, { steps: [] })))).toThrow(
      /^\/.*Scope\.test\.ts:\d+: "a\/b" cannot name a node/
    )
    expect(() =>
      pipeline("p", () => {
        Reflect.apply(scope, undefined, ["late", async () => Step({}, { steps: [] })])
      })
    ).toThrow(/^\/.*Scope\.test\.ts:\d+: the function in scope\("late", …\) is async/)
  })
})
