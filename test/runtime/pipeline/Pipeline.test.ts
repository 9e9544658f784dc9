import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, pipeline, reference } from "gemflow"
import { exportedPipeline, fromInstances, type Pipeline } from "../../../runtime/pipeline/Pipeline.ts"
import type { PipelineError } from "../../../runtime/pipeline/PipelineError.ts"
import { Candidates, Compare, EntropyScore, Pairs, Rank, Ranking, Sample, Scores } from "./exampleNodes.ts"
import { instances, step } from "./randomPipeline.ts"

const thrown = (define: () => unknown): PipelineError => {
  try {
    define()
  } catch (error) {
    return error as PipelineError
  }
  throw new Error("nothing was thrown")
}

const chain = (): Pipeline =>
  pipeline("chain", () => {
    const candidates = Sample({ candidates: 3 }, { prompts: Pairs({ path: "pairs.jsonl" }) })
    return Rank({}, { scores: EntropyScore({}, { candidates }) })
  })

describe("pipeline", () => {
  it("has the instances that were called, their wiring and the result", () => {
    const { byName, name, nodes, result } = chain()
    expect(name).toBe("chain")
    expect(nodes.map((node) => [node.name, node.inputs])).toEqual([
      ["pairs", {}],
      ["sample", { prompts: ["pairs"] }],
      ["entropy-score", { candidates: ["sample"] }],
      ["rank", { scores: ["entropy-score"] }]
    ])
    expect(result).toBe("rank")
    expect(byName.get("sample")?.config).toEqual({ candidates: 3 })
    expect(byName.get("sample")?.place()).toMatch(/Pipeline\.test\.ts:\d+$/)
  })

  it("keeps instances that nothing reads", () => {
    const { nodes, result } = pipeline("dangling", () => {
      Pairs({ path: "a" }, {}, { name: "a" })
      Pairs({ path: "b" }, {}, { name: "b" })
    })
    expect(nodes.map(({ name }) => name)).toEqual(["a", "b"])
    expect(result).toBeUndefined()
  })

  it("can be defined inside another's definition", () => {
    const names: Array<string> = []
    const outer = pipeline("outer", () => {
      Pairs({ path: "a" }, {}, { name: "before" })
      names.push(...chain().nodes.map(({ name }) => name))
      Pairs({ path: "a" }, {}, { name: "after" })
    })
    expect(outer.nodes.map(({ name }) => name)).toEqual(["before", "after"])
    expect(names).toContain("entropy-score")
  })

  it("refuses a name that is taken, naming both places", () => {
    const error = thrown(() =>
      pipeline("twice", () => {
        Pairs({ path: "a" })
        Pairs({ path: "b" })
      })
    )
    expect(error._tag).toBe("DuplicateNodeName")
    expect(error.message).toMatch(
      /Pipeline\.test\.ts:\d+: the name pairs is taken by the node at .*Pipeline\.test\.ts:\d+/
    )
  })

  it("refuses a table without the columns that are read, where types were not checked", () => {
    const error = thrown(() =>
      pipeline("mismatch", () => {
        const candidates = Sample({}, { prompts: Pairs({ path: "a" }) })
        // What plain JavaScript could write.
        Reflect.apply(Rank, undefined, [{}, { scores: candidates }])
      })
    )
    expect(error).toMatchObject({
      _tag: "InputMismatch",
      node: "rank",
      input: "scores",
      columns: [{ column: "score", expected: "float64" }]
    })
    expect(error.message).toContain(
      "input scores of rank takes a table Scores, but is wired to the table Candidates of sample: "
        + "column score (float64) is missing"
    )
  })

  it.each([
    [{}, "nothing"],
    [{ scores: "entropy-score" }, "a string"],
    [{ scores: null }, "null"],
    [{ scores: Promise.resolve(reference("pairs", Scores)) }, "a promise"],
    [{ scores: [reference("pairs", Scores)] }, "a list"],
    [{ scores: EntropyScore }, "a node that was not called"],
    [{ scores: reference("pairs", Scores), policy: reference("pairs", Scores) }, "no such input (it has scores)"]
  ])("refuses wiring %o", (inputs, problem) => {
    const error = thrown(() =>
      pipeline("wrong", () => {
        Pairs({ path: "a" })
        Reflect.apply(Rank, undefined, [{}, inputs])
      })
    )
    expect(error._tag).toBe("InputMismatch")
    expect(error.message).toContain(problem)
  })

  it("keeps the order of a list of tables", () => {
    const { byName } = pipeline("many", () => {
      const scores = reference("scores", Scores)
      EntropyScore({}, { candidates: Sample({}, { prompts: Pairs({ path: "a" }) }) }, { name: "scores" })
      const b = Rank({}, { scores }, { name: "b" })
      const a = Rank({}, { scores }, { name: "a" })
      Compare({}, { rankings: [b, a, b] })
    })
    expect(byName.get("compare")?.inputs).toEqual({ rankings: ["b", "a", "b"] })
  })

  it("takes a list that is left out as one without tables", () => {
    const { byName } = pipeline("none", () => Compare({}, {}))
    expect(byName.get("compare")?.inputs).toEqual({ rankings: [] })
  })

  it("refuses a reference to an instance that is not there, with a guess", () => {
    const error = thrown(() =>
      pipeline("unknown", () => {
        Sample({}, { prompts: Pairs({ path: "a" }) })
        EntropyScore({}, { candidates: reference("samples", Candidates) })
      })
    )
    expect(error._tag).toBe("UnknownInput")
    expect(error.message).toMatch(
      /candidates of entropy-score is wired to samples, which is not in this pipeline; did you mean sample\?/
    )
  })

  it("refuses a cycle and tells its path the way data flows", () => {
    const error = thrown(() =>
      pipeline("loop", () => {
        const one = Node.make("one", { ...loop, inputs: { ranking: Ranking }, output: Scores })
        const two = Node.make("two", { ...loop, inputs: { scores: Scores }, output: Ranking })
        two({}, { scores: one({}, { ranking: reference("two", Ranking) }) })
      })
    )
    expect(error).toMatchObject({ _tag: "PipelineCycle", pipeline: "loop", path: ["one", "two", "one"] })
    expect(error.message).toContain("one -> two -> one")
  })

  it("tells a long cycle in full and leaves out what only leads to it", () => {
    const nodes = [step("in"), step("a", "in", "d"), step("b", "a"), step("c", "b"), step("d", "c"), step("out", "d")]
    expect(thrown(() => fromInstances("cyclic", nodes))).toMatchObject({ path: ["a", "b", "c", "d", "a"] })
    expect(thrown(() => fromInstances("self", [step("a", "a")]))).toMatchObject({ path: ["a", "a"] })
  })

  it("refuses calls outside a pipeline and names that --set could not tell apart", () => {
    expect(thrown(() => Pairs({ path: "a" })).message).toMatch(
      /Pipeline\.test\.ts:\d+: pairs is called outside pipeline/
    )
    expect(thrown(() => Node.make("a.b", { ...loop, inputs: {}, output: Scores }))._tag).toBe("InvalidNodeName")
    expect(thrown(() => pipeline("p", () => Pairs({ path: "a" }, {}, { name: "a=b" })))._tag).toBe("InvalidNodeName")
  })

  it("refuses a handle of another pipeline, as input and as result", () => {
    let foreign = reference("pairs", Scores)
    pipeline("first", () => {
      foreign = EntropyScore({}, { candidates: Sample({}, { prompts: Pairs({ path: "a" }) }) })
    })
    const define = () =>
      pipeline("second", () => {
        // The name is the same; the node need not be.
        EntropyScore({}, { candidates: Sample({}, { prompts: Pairs({ path: "b" }) }) })
        Rank({}, { scores: foreign })
      })
    expect(thrown(define)).toMatchObject({
      _tag: "ForeignHandle",
      node: "rank",
      input: "scores",
      found: "entropy-score"
    })
    expect(thrown(() => pipeline("third", () => foreign)).message).toMatch(
      /the function in pipeline\("third", …\) returns the output of entropy-score, called in another pipeline; return/
    )
  })

  it.each([
    [
      "a promise",
      async () => Pairs({ path: "a" }),
      /Pipeline\.test\.ts:\d+: the function in pipeline\("wrong", …\) is async/
    ],
    ["a rejected promise", () => Promise.reject(new Error("mine")), /is async/],
    ["a list", () => [Pairs({ path: "a" })], /returns a list; return what calling a node returned, or nothing/],
    ["a number", () => 1, /returns a number/],
    ["a name that is not there", () => reference("nowhere", Scores), /returns nowhere, which is not in the pipeline/]
  ])("refuses a definition that returns %s", (_, define, message) => {
    expect(() => {
      // What plain JavaScript could write.
      Reflect.apply(pipeline, undefined, ["wrong", define])
    }).toThrow(message)
  })

  it("cannot be changed once it was checked", () => {
    const { nodes } = chain()
    const [first, second] = nodes
    expect(() => Object.assign(first?.inputs ?? {}, { prompts: ["rank"] })).toThrow(TypeError)
    expect(() => Reflect.apply(Array.prototype.push, second?.inputs["prompts"], ["rank"])).toThrow(TypeError)
    expect(() => Reflect.apply(Array.prototype.push, nodes, [first])).toThrow(TypeError)
    expect(() => Object.assign(second?.config ?? {}, { candidates: 4 })).toThrow(TypeError)
  })

  it("recovers after a definition that failed", () => {
    expect(() =>
      pipeline("broken", () => {
        throw new Error("mine")
      })
    ).toThrow("mine")
    expect(thrown(() => Pairs({ path: "a" }))._tag).toBe("NodeOutsidePipeline")
  })

  it.prop(
    "puts every instance after those it reads, whatever the order of definition",
    { nodes: instances },
    ({ nodes }) => {
      const ordered = fromInstances("random", nodes).nodes
      const position = new Map(ordered.map(({ name }, index) => [name, index]))
      expect(position.size).toBe(nodes.length)
      for (const instance of ordered) {
        for (const upstream of Object.values(instance.inputs).flat()) {
          expect(position.get(upstream)).toBeLessThan(position.get(instance.name) ?? -1)
        }
      }
    }
  )

  it("keeps the order of definition where that is one already", () => {
    const nodes = [step("b"), step("a"), step("d", "b"), step("c", "a", "d")]
    expect(fromInstances("ordered", nodes).nodes).toEqual(nodes)
  })
})

describe("exportedPipeline", () => {
  it("gives the default export or says what it is", () => {
    const made = chain()
    expect(exportedPipeline("gem.ts", { default: made })).toBe(made)
    const [one, two] = [step("one", "two"), step("two", "one")]
    const copy = { ...made, nodes: [one, two], byName: new Map([["one", one], ["two", two]]) }
    expect(() => exportedPipeline("gem.ts", { default: copy })).toThrow(
      /has a cycle, one -> two -> one|two -> one -> two/
    )
    expect(thrown(() => exportedPipeline("gem.ts", {})).message).toMatch(/^gem\.ts: the default export is missing/)
    expect(thrown(() => exportedPipeline("gem.ts", { default: () => 1 })).message).toContain(
      "a function, not a pipeline"
    )
    const late = { default: Promise.resolve(made) }
    expect(thrown(() => exportedPipeline("gem.ts", late)).message).toContain("a promise, not a pipeline")
  })
})

const loop = {
  module: import.meta.url,
  config: Schema.Struct({}),
  determinism: "exact",
  run: () => Effect.succeed([])
} as const
