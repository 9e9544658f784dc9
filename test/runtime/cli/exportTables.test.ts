import { beforeAll, describe, expect, it } from "@effect/vitest"
import { tableFromIPC } from "apache-arrow"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { readParquet } from "parquet-wasm"
import { hasPyarrow, runPython, skipped } from "../../artifacts/pyarrow.ts"
import { temporaryProject } from "./TemporaryProject.ts"

const project = temporaryProject()

const exported = (...args: ReadonlyArray<string>) => project.inProcess("export", "rows.ts", ...args)
const text = (file: string) => readFileSync(join(project.root, file), "utf8")

beforeAll(async () => {
  project.write(
    "rows.ts",
    `import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Column, Node, pipeline, TableType } from "gemflow"

const Mixed = TableType.make("Mixed", {
  text: Column.utf8({ nullable: true }),
  whole: Column.int32({ nullable: true }),
  number: Column.float64(),
  single: Column.float32(),
  flag: Column.bool({ nullable: true }),
  numbers: Column.list(Column.float32(), { nullable: true }),
  messages: Column.list(Column.struct({ role: Column.utf8(), note: Column.utf8({ nullable: true }) }))
})

export const Rows = Node.make("rows", {
  module: import.meta.url,
  config: Schema.Struct({}),
  inputs: {},
  output: Mixed,
  determinism: "exact",
  run: () =>
    Effect.succeed([
      { text: 'a "quoted", line\\nand another', whole: 1, number: 0.1, single: 0.5, flag: true,
        numbers: Float32Array.of(0.5, 2), messages: [{ role: "user", note: null }, { role: "é🙂", note: "x,y" }] },
      { text: "", whole: -2147483648, number: -0, single: 1.5, flag: false, numbers: new Float32Array(0), messages: [] },
      { text: null, whole: null, number: 1e300, single: -2, flag: null, numbers: null, messages: [] }
    ])
})

export default pipeline("rows", () => Rows({}, {}))
`
  )
  const { code, err } = await project.inProcess("run", "rows.ts", "--json")
  expect([code, err]).toEqual([0, ""])
}, 30_000)

const messages = [{ role: "user", note: null }, { role: "é🙂", note: "x,y" }]
/** The rows, as JSON can say them. */
const rows = [
  {
    text: "a \"quoted\", line\nand another",
    whole: 1,
    number: 0.1,
    single: 0.5,
    flag: true,
    numbers: [0.5, 2],
    messages
  },
  { text: "", whole: -2147483648, number: 0, single: 1.5, flag: false, numbers: [], messages: [] },
  { text: null, whole: null, number: 1e300, single: -2, flag: null, numbers: null, messages: [] }
]

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe("gemflow export of rows", () => {
  it("writes JSON lines", async () => {
    expect(await exported("rows", "--format", "jsonl")).toMatchObject({ code: 0 })
    expect(text("rows.jsonl").trimEnd().split("\n").map((line) => JSON.parse(line))).toEqual(rows)
  })

  it("writes CSV as RFC 4180 has it, with a null apart from an empty text", async () => {
    expect((await exported("rows", "--output", "some/rows.csv")).err).toContain("wrote 3 rows of rows to some/rows.csv")
    const nested = JSON.stringify(messages).replaceAll("\"", "\"\"")
    expect(text("some/rows.csv")).toBe(
      [
        "text,whole,number,single,flag,numbers,messages",
        `"a ""quoted"", line\nand another",1,0.1,0.5,true,"[0.5,2]","${nested}"`,
        "\"\",-2147483648,-0,1.5,false,[],[]",
        ",,1e+300,-2,,,[]",
        ""
      ].join("\r\n")
    )
  })

  it("writes Parquet, nested columns and all", async () => {
    expect(await exported("rows", "rows.parquet")).toMatchObject({ code: 0 })
    const table = tableFromIPC(readParquet(readFileSync(join(project.root, "rows.parquet"))).intoIPCStream())
    expect(plain(table.toArray().map((row) => row.toJSON()))).toEqual(plain(rows))
    expect(table.schema.fields.map(({ name, nullable }) => [name, nullable])).toContainEqual(["number", false])
  })

  it("writes Arrow, also of an artifact by its digest", async () => {
    const shown = JSON.parse((await project.inProcess("show", "rows.ts", "rows", "--json")).out)
    expect((await exported(shown.digest.slice(0, 10), "by-digest.arrow")).err).toContain(
      `of ${shown.digest.slice(0, 12)}`
    )
    const table = tableFromIPC(readFileSync(join(project.root, "by-digest.arrow")))
    expect(plain(table.toArray().map((row) => row.toJSON()))).toEqual(plain(rows))
  })

  it.skipIf(!hasPyarrow)(`is read alike by pyarrow${skipped}`, async () => {
    await exported("rows", "py.parquet")
    await exported("rows", "py.csv")
    const read = (script: string) => JSON.parse(runPython(script, project.root))
    const parquet = read(
      "import json, pyarrow.parquet as p; print(json.dumps(p.read_table('py.parquet').to_pylist()))"
    )
    expect(plain(parquet)).toEqual(rows)
    const csv: ReadonlyArray<Record<string, unknown>> = read(
      "import json, pyarrow.csv as c; "
        + "o = c.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False); "
        + "p = c.ParseOptions(newlines_in_values=True); "
        + "print(json.dumps(c.read_csv('py.csv', convert_options=o, parse_options=p).to_pylist()))"
    )
    expect(csv.map(({ flag, text, whole }) => ({ flag, text, whole }))).toEqual(
      rows.map(({ flag, text, whole }) => ({ flag, text, whole }))
    )
    expect(JSON.parse(String(csv[0]?.["messages"]))).toEqual(messages)
  })

  it.each([
    [["0123456789ab", "x.csv"], /has no table 0123456789ab/],
    [["rows", "rows.jsonl"], /it exists/],
    [["rows"], /its rows name 0 folders, not one/],
    [["nothing"], /nothing/]
  ])("refuses %j", async (args, says) => {
    const before = readdirSync(project.root)
    const { code, err } = await exported(...args)
    expect(err).toMatch(says)
    expect(code).not.toBe(0)
    expect(readdirSync(project.root)).toEqual(before)
  })
})
