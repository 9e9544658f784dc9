import { describe, expect, it } from "@effect/vitest"
import { drop, grid, level, pipeline, reference, rounds, scope, set, swap, variant, vary } from "gemflow"
import { EntropyScore, Pairs, Rank, Ranking, Step } from "./exampleNodes.ts"

const base = pipeline("base", () => Step({}, { steps: [] }))
const inside = (define: () => unknown) => () =>
  pipeline("inside", () => {
    define()
  })

/** Calls as plain JavaScript could write them. */
const call = (what: (...args: ReadonlyArray<never>) => unknown, ...args: ReadonlyArray<unknown>) => () =>
  Reflect.apply(what, undefined, args)

describe("plain JavaScript is told the line and what belongs there", () => {
  it.each([
    [
      "a config that is no object",
      inside(call(Pairs, "pairs.jsonl")),
      "pairs(config, inputs, options) takes an object of config"
    ],
    ["inputs in a list", inside(call(Rank, {}, [1])), "takes an object of inputs second, found a list"],
    ["a bare name", inside(call(Step, {}, {}, "name")), `takes { name: "…" } third, found a string`],
    [
      "a pipeline without a name",
      call(pipeline, () => {}),
      `pipeline("name", () => { … }) takes its name first, found a function`
    ],
    [
      "a pipeline without a definition",
      call(pipeline, "p"),
      "takes the function that defines it second, found nothing"
    ],
    [
      "a scope without a definition",
      inside(call(scope, "s", reference("a", Ranking))),
      "takes a function second, found an object"
    ],
    [
      "rounds without a round",
      inside(call(rounds, 2, reference("a", Ranking))),
      "takes a function third, found nothing"
    ],
    ["a variant of no pipeline", call(variant, {}, "v"), "takes a pipeline first, found an object"],
    [
      "a variant without a name",
      call(variant, base, { set: {} }),
      "takes the name of the variant second, found an object"
    ],
    ["no change", call(variant, base, "v", { set: {} }), "takes what set, swap, drop and their kin give"],
    ["a setting of nothing", call(set, undefined, {}), "takes a node, or a name of nodes, first, found nothing"],
    [
      "a setting without fields",
      call(set, EntropyScore, 0.5),
      "takes an object of config fields second, found a number"
    ],
    ["a swap for a name", call(swap, Rank, "mean"), "takes a node second, found a string"],
    ["a drop of a number", call(drop, 1), "takes a node, or a name of nodes, first, found a number"],
    ["no list of values", call(vary, Step, "weight", 1), "takes a list of values third, found a number"],
    ["a grid without axes", call(grid, base, [level("a")]), "takes an object of axes second, found a list"],
    [
      "an axis that is no list",
      call(grid, base, { a: level("a") }),
      "takes a list of levels for each axis, found an object"
    ],
    [
      "a level that is a node",
      call(grid, base, { a: [Step] }),
      "takes changes and levels in that list, found a node that was not called"
    ]
  ])("%s", (_, define, message) => {
    expect(define).toThrow(message)
    expect(define).toThrow(/^\/.*Argument\.test\.ts:\d+: /)
  })
})
