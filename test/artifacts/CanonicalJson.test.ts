import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { canonicalJson, digestJson, NotCanonical } from "../../artifacts/CanonicalJson.ts"

const JsonValue = Schema.MutableJson
const equal = (a: unknown, b: unknown): boolean => {
  try {
    expect(a).toEqual(b)
    return true
  } catch {
    return false
  }
}

describe("canonicalJson", () => {
  it("sorts keys at every depth and leaves no white space", () => {
    expect(canonicalJson({ b: [{ z: 1, a: null }], a: "x", "": true })).toBe(`{"":true,"a":"x","b":[{"a":null,"z":1}]}`)
  })

  it.prop("reads back as the value it was made of", [JsonValue], ([value]) => {
    // Minus zero is the one number that JSON text does not keep.
    expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
  })

  it.prop(
    "of an object does not depend on the order of its keys",
    [Schema.Record(Schema.String, JsonValue)],
    ([value]) => {
      const reversed = Object.fromEntries(Object.entries(value).toReversed())
      expect(canonicalJson(reversed)).toBe(canonicalJson(value))
      expect(digestJson(reversed)).toBe(digestJson(value))
    }
  )

  it.prop("of two values is one text only when they are equal", [JsonValue, JsonValue], ([a, b]) => {
    const normal = (value: unknown) => JSON.parse(JSON.stringify(value))
    expect(canonicalJson(a) === canonicalJson(b)).toBe(equal(normal(a), normal(b)))
  })

  it.each([
    [["a", "b"], ["ab"]],
    [["a,b"], ["a", "b"]],
    [["a\",\"b"], ["a", "b"]],
    [{ a: "b" }, { "a\":\"b": "" }],
    [[[], []], [[[]]]],
    [{ a: 1, b: 2 }, { "a": { b: 2 } }],
    ["1", 1],
    [null, "null"],
    [[1, 23], [12, 3]],
    ["é", "e\u0301"],
    ["\ud800", "\ufffd"],
    ["\ud800", "\\ud800"],
    [[false], [null]]
  ])("tells %j from %j", (a, b) => {
    expect(digestJson(a)).not.toBe(digestJson(b))
  })

  it("keeps what a naive writer loses: __proto__, control characters, very small and large numbers", () => {
    const value: unknown = JSON.parse(
      `{"__proto__":{"a":1},"text":"\\u0000\\u2028\\"\\\\","numbers":[5e-324,1e21,-0.1]}`
    )
    expect(JSON.parse(canonicalJson(value))).toEqual(value)
    expect(canonicalJson(value)).toContain("\"__proto__\":{\"a\":1}")
  })

  const cycle: Record<string, unknown> = {}
  cycle["self"] = [cycle]
  it.each<[string, unknown, string]>([
    ["undefined", { config: { lambda: undefined } }, "$.config.lambda is undefined"],
    ["a hole", [Object.assign([1], { length: 2 })], "$[0][1] is undefined"],
    ["a function", [() => 1], "$[0] is a function"],
    ["a symbol", Symbol("a"), "$ is a symbol"],
    ["a bigint", { big: 1n }, "$.big is a bigint"],
    ["NaN", { x: Number.NaN }, "$.x is NaN"],
    ["infinity", [-Infinity], "$[0] is -Infinity"],
    ["a date", { at: new Date(0) }, "$.at is an instance of Date"],
    ["a map", new Map(), "$ is an instance of Map"],
    ["a typed array", [Float32Array.of(1)], "$[0] is an instance of Float32Array"],
    ["a symbol key", { [Symbol("a")]: 1 }, "symbol"],
    ["a cycle", cycle, "$.self[0] is an object that contains itself"]
  ])("refuses %s, saying where", (_, value, message) => {
    expect(() => canonicalJson(value)).toThrow(NotCanonical)
    expect(() => canonicalJson(value)).toThrow(message)
  })

  it("takes the same object twice, side by side", () => {
    const shared = { a: 1 }
    expect(canonicalJson([shared, shared])).toBe(`[{"a":1},{"a":1}]`)
  })
})

describe("digestJson", () => {
  it("is the SHA-256 of the text in UTF-8", () => {
    expect(digestJson({ b: "é", a: 1 })).toBe(createHash("sha256").update(`{"a":1,"b":"é"}`, "utf8").digest("hex"))
  })
})
