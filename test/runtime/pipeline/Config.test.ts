import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { InputDirectory, InputFile, Node, outsideKey, pipeline } from "gemflow"
import { decodeConfig } from "../../../runtime/pipeline/Config.ts"
import { applySettings } from "../../../runtime/pipeline/Settings.ts"
import { Scores } from "./exampleNodes.ts"

const Fielded = Node.make("fielded", {
  module: import.meta.url,
  config: Schema.Struct({
    count: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 64 })),
    checkpoint: InputDirectory.pipe(Schema.withDecodingDefaultKey(Effect.succeed("models/demo"))),
    file: Schema.optionalKey(Schema.NullOr(InputFile)),
    betas: Schema.optionalKey(Schema.Tuple([Schema.Finite, Schema.Finite])),
    schedule: Schema.optionalKey(Schema.Struct({ warmup: Schema.Int })),
    loose: Schema.optionalKey(Schema.Number),
    spread: outsideKey(Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))))
  }),
  inputs: {},
  output: Scores,
  determinism: "exact",
  run: () => Effect.succeed([])
})

/** Decodes a config as plain JavaScript could write it. */
const decode = (config: object, ...settings: ReadonlyArray<string>) => {
  const written = pipeline("configured", () => {
    Reflect.apply(Fielded, undefined, [config])
  })
  const set = Result.getOrThrow(applySettings(written, settings, "/home/user"))
  const instance = set.byName.get("fielded")
  if (instance === undefined) throw new Error("no instance")
  return decodeConfig(instance, "/project")
}
const failure = (config: object, ...settings: ReadonlyArray<string>) => {
  const result = decode(config, ...settings)
  if (Result.isSuccess(result)) throw new Error("the config decoded")
  return result.failure
}

describe("decodeConfig", () => {
  it("fills in defaults, makes input paths absolute and keeps them out of the key", () => {
    expect(Result.getOrThrow(decode({ count: 3, file: "data/a.jsonl" }))).toEqual({
      value: { count: 3, checkpoint: "/project/models/demo", file: "/project/data/a.jsonl" },
      key: { count: 3 },
      files: [
        { field: "checkpoint", kind: "directory", path: "/project/models/demo" },
        { field: "file", kind: "file", path: "/project/data/a.jsonl" }
      ]
    })
  })

  it("leaves paths from --set where they are, and an input that is null in the key", () => {
    const { files } = Result.getOrThrow(decode({ count: 3 }, "fielded.file=b.jsonl"))
    expect(files.map(({ path }) => path)).toEqual(["/project/models/demo", "/home/user/b.jsonl"])
    expect(Result.getOrThrow(decode({ count: 3, file: null })).key).toEqual({ count: 3, file: null })
  })

  it("keeps a field that changes no result out of the key, and checks it all the same", () => {
    const { key, value } = Result.getOrThrow(decode({ count: 3, spread: 2 }))
    expect(value).toMatchObject({ count: 3, spread: 2 })
    expect(key).toEqual({ count: 3 })
    expect(failure({ count: 3, spread: 0 })).toMatchObject({ field: "spread", found: "0" })
  })

  it("gives equal keys to a default written out and left out", () => {
    const withDefault = Result.getOrThrow(decode({ count: 3, checkpoint: "models/demo" }))
    expect(Result.getOrThrow(decode({ count: 3 }))).toEqual(withDefault)
  })

  it.each([
    [{}, { field: "count", expected: "number", found: "nothing" }],
    [{ count: 1 }, { field: "count", expected: "a value between 2 and 64", found: "1" }],
    [{ count: 2.5 }, { field: "count", expected: "an integer", found: "2.5" }],
    [{ count: "3" }, { field: "count", expected: "number", found: "\"3\"" }],
    [{ count: 3, file: 5 }, { field: "file", found: "5" }],
    [{ count: 3, checkpoint: "" }, { field: "checkpoint", expected: "the path of a directory", found: "\"\"" }],
    [{ count: 3, schedule: { warmup: "x" } }, { field: "schedule.warmup", expected: "number", found: "\"x\"" }],
    [{ count: 3, schedule: {} }, { field: "schedule.warmup", expected: "number", found: "nothing" }],
    [{ count: 3, schedule: { warmup: 1, warmpu: 2 } }, {
      field: "schedule.warmpu",
      expected: "one of the fields warmup",
      found: "the field warmpu",
      suggestion: "warmup"
    }],
    [{ count: 3, betas: [0.9, "x"] }, { field: "betas.1", expected: "number", found: "\"x\"" }],
    [{ count: 3, coutn: 4 }, { field: "coutn", found: "the field coutn", suggestion: "count" }],
    [{ count: 3, loose: Number.NaN }, { field: "loose", found: "NaN" }]
  ])("refuses %o", (config, expected) => {
    const error = failure(config)
    expect(error).toMatchObject({ _tag: "InvalidNodeConfig", node: "fielded", ...expected })
    expect(error.file).toMatch(/Config\.test\.ts:\d+$/)
  })

  it("says it in a sentence", () => {
    expect(failure({ count: 1 }).message).toMatch(
      /^\/.*Config\.test\.ts:\d+: field count of fielded expects a value between 2 and 64, found 1\.$/
    )
  })

  it("names the node where the fields do not fit together", () => {
    const config = Schema.Struct({ low: Schema.Int, high: Schema.Int }).check(
      Schema.makeFilter(({ high, low }) => low < high, { expected: "low below high" })
    )
    const Range = Node.make("range", { ...Fielded.definition, config, inputs: {}, run: () => Effect.succeed([]) })
    const { byName } = pipeline("ranged", () => {
      Range({ low: 2, high: 1 })
    })
    const instance = byName.get("range")
    const result = instance === undefined ? undefined : decodeConfig(instance, "/project")
    expect(result !== undefined && Result.isFailure(result) && result.failure.message).toMatch(
      /: config of range expects low below high, found \{"low":2,"high":1\}\.$/
    )
  })

  it("blames the --set that wrote the value", () => {
    // Each field alone is right for its schema; JSON cannot say 1e999, which parses as infinity.
    expect(failure({ count: 3 }, "fielded.loose=1e999").file).toBe("--set fielded.loose=1e999")
  })
})
