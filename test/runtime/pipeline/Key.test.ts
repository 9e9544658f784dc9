import { describe, expect, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { Column, pipeline, TableType } from "gemflow"
import { explainDifference, renderDifference } from "../../../runtime/pipeline/Difference.ts"
import { inputDigests, keyDigest, NodeKey, ownKey } from "../../../runtime/pipeline/Key.ts"
import { Compare, EntropyScore, Pairs, Rank, Sample, Scores, Step } from "./exampleNodes.ts"

const base: NodeKey = {
  node: "entropy-score",
  code: { digest: "c0", parts: { "nodes/EntropyScore.ts": "p0", "nodes/Span.ts": "p1" } },
  packages: { effect: "4.1.0" },
  config: { lambda: 1, over: "selected" },
  files: { path: "f0" },
  output: "o0",
  inputs: { candidates: [{ token_entropy: "d0", text: "d1" }] },
  numerics: { provider: "cpu" }
}

const told = (after: NodeKey) =>
  explainDifference(base, after).map((difference) => `${difference.reason}: ${renderDifference(difference)}`)

/** Keys drawn from few, awkward names and values, so that near misses are common. */
const Name = Schema.Literals(["a", "b", "ab", "a,b", "a\":\"b", "", "constructor"])
const text = Arbitrary.schema(Schema.Literals(["", "x", "x,y", "1"]))
const value: Arbitrary.Arbitrary<Schema.Json> = Arbitrary.schema(
  Schema.Union([Schema.Literals([0, 1, "1", true]), Schema.Null, Schema.Array(Name).check(Schema.isMaxLength(2))])
)
const recordOf = <A>(item: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<Readonly<Record<string, A>>> =>
  Arbitrary.map(
    Arbitrary.array(Arbitrary.all([Arbitrary.schema(Name), item]), { maxLength: 3 }),
    (entries) => Object.fromEntries(entries)
  )
const randomKey: Arbitrary.Arbitrary<NodeKey> = Arbitrary.all({
  node: Arbitrary.schema(Name),
  code: Arbitrary.map(Arbitrary.schema(Schema.Boolean), (old) => ({ digest: old ? "c0" : "c1", parts: {} })),
  packages: recordOf(text),
  config: recordOf(value),
  files: recordOf(text),
  environment: recordOf(text),
  output: text,
  inputs: recordOf(Arbitrary.array(recordOf(text), { maxLength: 2 })),
  numerics: recordOf(text)
})

const reversed = (value: Schema.Json): Schema.Json =>
  Array.isArray(value)
    ? value.map(reversed)
    : typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).toReversed().map(([name, item]) => [name, reversed(item)]))
    : value

describe("keyDigest", () => {
  it("changes with every part of the key", () => {
    const changed: ReadonlyArray<Partial<NodeKey>> = [
      { node: "other" },
      { code: { ...base.code, digest: "c1" } },
      { packages: { effect: "4.2.0" } },
      { packages: {} },
      { config: { lambda: 0.5, over: "selected" } },
      { config: { lambda: "1", over: "selected" } },
      { config: { lambda: 1 } },
      { files: { path: "f1" } },
      { environment: { MODE: "v0" } },
      { environment: { MODE: "absent" } },
      { output: "o1" },
      { inputs: { candidates: [{ token_entropy: "d2", text: "d1" }] } },
      { inputs: { candidates: [{ token_entropy: "d1", text: "d0" }] } },
      { inputs: { candidates: [{ token_entropy: "d0", text: "d1" }, { token_entropy: "d0", text: "d1" }] } },
      { inputs: { other: base.inputs["candidates"] ?? [] } },
      { numerics: { provider: "cuda" } },
      { numerics: {} }
    ]
    const digests = changed.map((part) => keyDigest(Object.assign({}, base, part)))
    expect(new Set([keyDigest(base), ...digests]).size).toBe(changed.length + 1)
  })

  it("does not change with the parts of the code that leave its digest alone", () => {
    expect(keyDigest({ ...base, code: { digest: "c0", parts: { "nodes/Moved.ts": "p0" } } })).toBe(keyDigest(base))
  })

  it.prop("does not depend on the order of fields", { key: randomKey }, ({ key }) => {
    const other = Schema.decodeUnknownSync(NodeKey)(reversed(Schema.encodeSync(NodeKey)(key)))
    expect(keyDigest(other)).toBe(keyDigest(key))
    expect(explainDifference(key, other)).toEqual([])
  })

  it.prop("is equal exactly when nothing can be told apart", { a: randomKey, b: randomKey }, ({ a, b }) => {
    for (const [before, after] of [[a, b], [a, { ...a, config: b.config }], [a, { ...a, inputs: b.inputs }]] as const) {
      expect(explainDifference(before, after).length === 0).toBe(keyDigest(before) === keyDigest(after))
    }
  })

  it("has no two keys with one text, wherever names and values are cut", () => {
    const near = (["config", "packages", "files", "environment", "numerics"] as const).flatMap((part) => [
      { [part]: { "a": "b,c" } },
      { [part]: { "a,b": "c" } },
      { [part]: { "a": "b", "c": "" } },
      { [part]: { "a": `b","c":"` } },
      { [part]: { "a\":\"b": "c" } },
      { [part]: { "a": "b\u0000c" } },
      { [part]: { "": "ab,c" } }
    ])
    const inputs = [{ ab: [{ c: "d" }] }, { a: [{ bc: "d" }] }, { a: [{ b: "cd" }] }, { a: [{ b: "c" }, { d: "" }] }, {
      a: [{ b: "c", d: "" }]
    }, { a: [{ b: "c" }], d: [] }]
    const keys = [...near, ...inputs.map((each) => ({ inputs: each }))].map((part) => Object.assign({}, base, part))
    expect(new Set(keys.map(keyDigest)).size).toBe(keys.length)
  })

  it.prop("survives being stored as JSON", { key: randomKey }, ({ key }) => {
    const stored = JSON.stringify(Schema.encodeSync(NodeKey)(key))
    expect(keyDigest(Schema.decodeUnknownSync(NodeKey)(JSON.parse(stored)))).toBe(keyDigest(key))
  })
})

describe("explainDifference", () => {
  it("names what changed, with values where they say something", () => {
    expect(told({ ...base, config: { lambda: 0.5, top: [1] } })).toEqual([
      "config: lambda 1 -> 0.5",
      "config: over removed (selected)",
      "config: top added ([1])"
    ])
    expect(told({ ...base, code: { digest: "c1", parts: { "nodes/EntropyScore.ts": "p9", "nodes/New.ts": "p" } } }))
      .toEqual(["code: nodes/EntropyScore.ts changed", "code: nodes/Span.ts removed", "code: nodes/New.ts added"])
    expect(told({ ...base, code: { digest: "c1", parts: base.code.parts } })).toEqual([
      "code: the order of its code changed"
    ])
    const named = {
      "nodes/EntropyScore.ts": { "score()": "1", "MARKER": "2", "class Model": "3", "same()": "4" },
      "data.json": "d"
    }
    const changed = {
      "nodes/EntropyScore.ts": { "score()": "9", "class Model": "8", "same()": "4", "register(…)": "5" },
      "data.json": "e"
    }
    expect(
      explainDifference({ ...base, code: { digest: "c1", parts: named } }, {
        ...base,
        code: { digest: "c2", parts: changed }
      })
        .map(renderDifference)
    ).toEqual([
      "score() in nodes/EntropyScore.ts changed",
      "MARKER in nodes/EntropyScore.ts removed",
      "class Model in nodes/EntropyScore.ts changed",
      "register(…) in nodes/EntropyScore.ts added",
      "data.json changed"
    ])
    expect(told({ ...base, node: "rank", output: "x" })).toEqual([
      "code: node entropy-score -> rank",
      "code: its output table changed"
    ])
    expect(told({ ...base, inputs: { candidates: [{ token_entropy: "d9", text: "d1" }] } })).toEqual([
      "input: candidates.token_entropy changed"
    ])
    expect(told({ ...base, inputs: { candidates: [...base.inputs["candidates"] ?? [], { text: "d1" }], more: [] } }))
      .toEqual(["input: candidates[1] added", "input: more added"])
    expect(told({ ...base, environment: { TOKEN: "v1" } })).toEqual(["environment: TOKEN added"])
    expect(told({ ...base, files: { path: "f1" }, packages: { effect: "4.2.0" }, numerics: { provider: "cuda" } }))
      .toEqual(["file: path changed", "package: effect 4.1.0 -> 4.2.0", "numerics: provider cpu -> cuda"])
  })

  it("leaves out inputs that are not known yet", () => {
    const { inputs: _, ...own } = base
    expect(explainDifference(base, own)).toEqual([])
  })
})

describe("inputDigests", () => {
  const { byName } = pipeline("wired", () => {
    const scores = EntropyScore({}, { candidates: Sample({}, { prompts: Pairs({ path: "a" }) }) })
    Compare({}, { rankings: [Rank({}, { scores }, { name: "a" }), Rank({}, { scores }, { name: "b" })] })
  })
  const instance = (name: string) => {
    const found = byName.get(name)
    if (found === undefined) throw new Error(name)
    return found
  }

  it("takes the columns that the input declares and no others", () => {
    const columns = { candidate_id: "1", prompt_id: "2", token_entropy: "3" }
    expect(inputDigests(instance("entropy-score"), () => columns)).toEqual({
      candidates: [{ candidate_id: "1", token_entropy: "3" }]
    })
  })

  it("keeps the order of many tables", () => {
    expect(inputDigests(instance("compare"), (name) => ({ candidate_id: name, rank: name }))).toEqual({
      rankings: [{ candidate_id: "a", rank: "a" }, { candidate_id: "b", rank: "b" }]
    })
  })

  it("is not known while an upstream output is not", () => {
    expect(inputDigests(instance("compare"), (name) => name === "a" ? { candidate_id: "", rank: "" } : undefined))
      .toBeUndefined()
  })
})

const own = (output: TableType.Any) => {
  const { byName } = pipeline("one", () => {
    Step({}, { steps: [] })
  })
  const instance = byName.get("step")
  if (instance === undefined) throw new Error("step")
  return ownKey({
    instance: { ...instance, node: { ...instance.node, output } },
    config: { value: {}, key: { weight: 1 }, files: [] },
    fingerprint: { code: { digest: "c", parts: {} }, packages: {} },
    files: {}
  })
}

describe("ownKey", () => {
  it("changes with the columns that the node makes, and not with their documentation", () => {
    const documented = { ...Scores.columns, score: Column.float64({ doc: "A better word.", unit: "nats" }) }
    expect(own(TableType.make("Scores", documented))).toEqual(own(Scores))
    const others = [
      TableType.make("Scores", { ...Scores.columns, score: Column.float64({ nullable: true }) }),
      TableType.make("Scores", { ...Scores.columns, score: Column.float32() }),
      TableType.make("Scores", { ...Scores.columns, more: Column.list(Column.utf8()) }),
      TableType.make("Scores", { ...Scores.columns, more: Column.list(Column.struct({ a: Column.utf8() })) }),
      TableType.make("Scores", { score: Column.float64(), candidate_id: Column.utf8() })
    ]
    const digests = [Scores, ...others].map((type) => keyDigest({ ...own(type), inputs: {} }))
    expect(new Set(digests).size).toBe(digests.length)
  })
})
