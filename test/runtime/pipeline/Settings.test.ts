import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Node, pipeline, rounds } from "gemflow"
import { homedir } from "node:os"
import { join } from "node:path"
import { applySettings } from "../../../runtime/pipeline/Settings.ts"
import { EntropyScore, Pairs, Rank, Sample, Scores, Step } from "./exampleNodes.ts"
import { randomPipeline } from "./randomPipeline.ts"

const base = pipeline("base", () => {
  const prompts = Pairs({ path: "data/pairs.jsonl" })
  Pairs({ path: "data/other.jsonl" }, {}, { name: "held-out" })
  rounds(2, EntropyScore({}, { candidates: Sample({}, { prompts }) }), (scores) => {
    Rank({}, { scores })
    return EntropyScore({}, { candidates: Sample({}, { prompts }) })
  })
  Step({}, { steps: [] })
})

const applied = (...settings: ReadonlyArray<string>) => Result.getOrThrow(applySettings(base, settings, "/home/user"))
const config = (instance: string, ...settings: ReadonlyArray<string>) =>
  applied(...settings).byName.get(instance)?.config
const failure = (setting: string) => {
  const result = applySettings(base, [setting], "/home/user")
  if (Result.isSuccess(result)) throw new Error("the setting was accepted")
  return result.failure
}

describe("applySettings", () => {
  it("sets the instance of exactly that name, and no other", () => {
    expect(config("round-1/entropy-score", "round-1/entropy-score.lambda=0.5")).toEqual({ lambda: 0.5 })
    expect(config("entropy-score", "round-1/entropy-score.lambda=0.5")).toEqual({})
    expect(config("round-2/entropy-score", "entropy-score.lambda=0.5")).toEqual({})
  })

  it("sets all instances of a name in rounds, and of a node under other names", () => {
    expect(config("round-1/rank", "rank.method=bradley-terry")).toEqual({ method: "bradley-terry" })
    expect(config("round-2/rank", "rank.method=bradley-terry")).toEqual({ method: "bradley-terry" })
    expect(config("held-out", "held-out.limit=3")).toEqual({ path: "data/other.jsonl", limit: 3 })
  })

  it("reads JSON where the field accepts it, else text", () => {
    expect(config("round-1/rank", "rank.method=5")).toEqual({ method: "5" })
    expect(config("round-1/rank", "rank.method=\"quoted\"")).toEqual({ method: "quoted" })
    expect(config("round-1/rank", "rank.method=a=b.c")).toEqual({ method: "a=b.c" })
    expect(config("round-1/rank", "rank.method=")).toEqual({ method: "" })
    expect(config("entropy-score", "entropy-score.over=all")).toEqual({ over: "all" })
  })

  it("lets the last one win", () => {
    expect(config("entropy-score", "entropy-score.lambda=1", "entropy-score.lambda=2")).toEqual({ lambda: 2 })
  })

  it("resolves input paths from the current directory, and nothing else", () => {
    expect(config("pairs", "pairs.path=mine.jsonl")).toEqual({ path: "/home/user/mine.jsonl" })
    expect(config("pairs", "pairs.path=/abs/mine.jsonl")).toEqual({ path: "/abs/mine.jsonl" })
    expect(config("round-1/rank", "rank.method=./mine")).toEqual({ method: "./mine" })
  })

  it("refuses unknown nodes and fields with a guess and the list", () => {
    expect(failure("entropy-scor.lambda=1")).toMatchObject({ _tag: "UnknownNode", suggestion: "entropy-score" })
    expect(failure("entropy-scor.lambda=1").message).toMatch(
      /^--set entropy-scor\.lambda=1: pipeline base has no node entropy-scor\. Did you mean entropy-score\? It has 11 nodes, such as pairs, /
    )
    expect(failure("entropy-score.lamda=1")).toMatchObject({ _tag: "InvalidNodeConfig", suggestion: "lambda" })
    expect(failure("entropy-score.lamda=1").message).toContain("expects one of the fields lambda, over")
    expect(failure("entropy-score.constructor=1")._tag).toBe("InvalidNodeConfig")
  })

  it("refuses values that do not decode, saying what is expected", () => {
    expect(failure("entropy-score.lambda=high").message).toBe(
      "--set entropy-score.lambda=high: field lambda of entropy-score expects number, found \"high\"."
    )
    expect(failure("sample.candidates=1").message).toContain("expects a value between 2 and 64, found 1")
    expect(failure("entropy-score.over=some").message).toContain("expects \"selected\" | \"all\", found \"some\"")
    expect(failure("pairs.path=").message).toContain("expects the path of a file, found \"\"")
  })

  it("names the field inside a value that is wrong", () => {
    const Trained = Node.make("trained", {
      ...Step.definition,
      config: Schema.Struct({ adapter: Schema.optionalKey(Schema.NullOr(Schema.Struct({ rank: Schema.Int }))) }),
      inputs: {},
      output: Scores,
      run: () => Effect.succeed([])
    })
    const trained = pipeline("trained", () => Trained())
    const message = (value: string) => {
      const result = applySettings(trained, [`trained.adapter=${value}`], "/")
      return Result.isFailure(result) ? result.failure.message : "accepted"
    }
    expect(message(`{"rank":"x"}`)).toContain(`field adapter.rank of trained expects number, found "x".`)
    expect(message(`{"rank":1,"rnak":2}`)).toContain(
      "field adapter.rnak of trained expects one of the fields rank, found the field rnak (did you mean rank?)."
    )
    expect(message("null")).toBe("accepted")
    const set = (...settings: ReadonlyArray<string>) => applySettings(trained, settings, "/")
    const configOf = (...settings: ReadonlyArray<string>) => Result.getOrThrow(set(...settings)).nodes[0]?.config
    expect(configOf("trained.adapter.rank=8")).toEqual({ adapter: { rank: 8 } })
    expect(configOf(`trained.adapter={"rank":1}`, "trained.adapter.rank=2")).toEqual({ adapter: { rank: 2 } })
    const wrong = set("trained.adapter.rnak=8")
    expect(Result.isFailure(wrong) && wrong.failure.message).toMatch(
      /^--set trained\.adapter\.rnak=8: field adapter\.(rank|rnak) of trained expects/
    )
  })

  it("takes ~ for the home folder, as a shell does not after =", () => {
    expect(config("pairs", "pairs.path=~/mine.jsonl")).toEqual({ path: join(homedir(), "mine.jsonl") })
    expect(config("pairs", "pairs.path=~mine.jsonl")).toEqual({ path: "/home/user/~mine.jsonl" })
    expect(config("round-1/rank", "rank.method=~/mine")).toEqual({ method: "~/mine" })
  })

  it("lists the nearest names of many, and how many nodes there are", () => {
    const wide = pipeline("wide", () => {
      for (let number = 0; number < 50; number++) Step({}, { steps: [] }, { name: `other-${number}` })
      Rank({}, { scores: EntropyScore({}, { candidates: Sample({}, { prompts: Pairs({ path: "x" }) }) }) })
    })
    const result = applySettings(wide, ["score.lambda=1"], "/")
    const message = Result.isFailure(result) ? result.failure.message : ""
    expect(message).toMatch(/^--set score\.lambda=1: pipeline wide has no node score\. It has 54 nodes, such as /)
    expect(message).toContain("entropy-score")
    expect(message.length).toBeLessThan(200)
  })

  it.each(["lambda=1", "entropy-score.lambda", ".lambda=1", "entropy-score.=1", "entropy-score.lambda.=1", "=", ""])(
    "refuses %o",
    (setting) => {
      expect(failure(setting)._tag).toBe("MalformedSetting")
    }
  )

  it.prop(
    "changes the named instance and no other",
    { random: randomPipeline, pick: Schema.Int, weight: Schema.Finite },
    ({ pick, random, weight }) => {
      const target = random.nodes.at(pick % (random.nodes.length || 1))
      if (target === undefined) return
      const result = Result.getOrThrow(applySettings(random, [`${target.name}.weight=${weight}`], "/"))
      for (const [index, instance] of random.nodes.entries()) {
        const after = result.nodes[index]
        if (instance === target) expect(after).toMatchObject({ config: { weight: JSON.parse(String(weight)) } })
        else expect(after).toBe(instance)
      }
      expect(target.config).toEqual({})
    }
  )
})
