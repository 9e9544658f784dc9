import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { InputFile } from "gemflow"
import * as shipped from "gemflow/nodes"
import { configFields } from "../../../runtime/cli/nodes/ConfigFields.ts"
import { temporaryProject } from "./TemporaryProject.ts"

const project = temporaryProject()
const nodes = (...args: ReadonlyArray<string>) => project.inProcess("nodes", ...args)

describe("gemflow nodes", () => {
  it("lists every node that the package exports, each with its sentence", async () => {
    const { code, out } = await nodes()
    expect(code).toBe(0)
    for (const { definition } of Object.values(shipped)) {
      expect(definition.doc).not.toBe("")
      expect(out).toMatch(new RegExp(`^${definition.name} +\\S`, "m"))
    }
  })

  it("describes one by its name or its export, from its own declaration", async () => {
    const { out } = await nodes("entropy-score")
    expect(out).toContain("import { EntropyScore } from \"gemflow/nodes\"")
    expect(out).toMatch(/candidates +Candidates +candidate_id, prompt_id/)
    expect(out).toMatch(/score_sd +float64 +nats +Standard error/)
    expect(out).toMatch(/lambda +number +1 +Weight of the branching entropy/)
    expect(out).toMatch(/span +"marker" \| "tail" +"marker" +The final-answer span/)
    expect((await nodes("EntropyScore")).out).toBe(out)
    const { config, inputs, output } = JSON.parse((await nodes("entropy-score", "--json")).out)
    expect(config[0]).toMatchObject({ field: "lambda", type: "number", required: false, default: 1 })
    expect(inputs[0]).toMatchObject({ input: "candidates", many: false })
    expect(output.columns[0]).toMatchObject({ column: "candidate_id" })
  })

  it("documents every config field of every node", async () => {
    const all: ReadonlyArray<
      { readonly node: string; readonly config: ReadonlyArray<{ field: string; doc: string }> }
    > = JSON
      .parse((await nodes("--json")).out)
    expect(
      all.flatMap(({ config, node }) => config.flatMap(({ doc, field }) => doc === "" ? [`${node}.${field}`] : []))
    )
      .toEqual([])
  })

  it("refuses a name that there is not", async () => {
    const { code, err } = await nodes("entropy-scor")
    expect(code).toBe(2)
    expect(err).toContain("Did you mean entropy-score?")
  })
})

describe("configFields", () => {
  it("tells type, default and doc of each field", () => {
    const Config = Schema.Struct({
      path: InputFile.annotate({ description: "Where." }),
      size: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(3))).annotate({ description: "How large." }),
      kinds: Schema.optionalKey(Schema.Array(Schema.Literals(["a", "b"]))),
      pair: Schema.Tuple([Schema.Finite, Schema.Boolean]),
      inner: Schema.optionalKey(Schema.NullOr(Schema.Struct({ rank: Schema.String })))
    })
    expect(configFields(Config)).toEqual([
      { field: "path", type: "path of a file", required: true, doc: "Where." },
      { field: "size", type: "an integer", required: false, default: 3, doc: "How large." },
      { field: "kinds", type: `list of "a" | "b"`, required: false, doc: "" },
      { field: "pair", type: "[number, boolean]", required: true, doc: "" },
      { field: "inner", type: "struct | null", required: false, doc: "" },
      { field: "inner.rank", type: "string", required: true, doc: "" }
    ])
  })
})
