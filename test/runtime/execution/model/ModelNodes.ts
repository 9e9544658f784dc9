/** Six kinds of nodes, written out as files of a project in a given state of its code, and loaded by Node itself. */
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type * as Node from "../../../../runtime/pipeline/Node.ts"

/** What the code consists of. `remark` and `unused` are there and change nothing. */
export interface Code {
  readonly times: number
  readonly plus: number
  readonly step: number
  readonly remark: number
  readonly unused: number
}

export const kinds = ["source", "left", "right", "both", "floor", "join"] as const
export type Kind = typeof kinds[number]
export type Definitions = Readonly<Record<Kind, Node.Definition>>

export const environmentVariable = "GEMFLOW_TEST_MODE"

const helper = ({ plus, remark, times, unused }: Code) =>
  `// Remark ${remark}.
const TIMES = ${times}
export const left = (x: number) => x * TIMES
export const right = (x: number) => x + ${plus} /* ${remark} */
export const unused = (x: number) => x - ${unused}
`

const nodes = ({ remark, step, unused }: Code) =>
  `import { Column, InputFile, Node, outsideKey, TableType } from "gemflow"
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { left as timesA, right as plusB, unused } from "./helper.ts"

const Rows = TableType.make("Rows", { id: Column.utf8(), a: Column.float64(), b: Column.float64() })
const A = TableType.pick(Rows, "id", "a")
const B = TableType.pick(Rows, "id", "b")
const config = Schema.Struct({
  k: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))),
  speed: Schema.optionalKey(outsideKey(Schema.Int))
})
const common = { module: import.meta.url, output: Rows, determinism: "exact" as const }
const STEP = ${step}

export const source = Node.make("source", {
  ...common, config: Schema.Struct({ ...config.fields, path: InputFile }), inputs: {},
  run: ({ config }) => Effect.sync(() =>
    JSON.parse(readFileSync(config.path, "utf8")).map((row) => ({ ...row, a: row.a + config.k })))
})
export const left = Node.make("left", {
  ...common, config, inputs: { rows: A },
  // Remark ${remark}.
  run: ({ config, inputs }) =>
    Effect.sync(() => inputs.rows.rows().map(({ id, a }) => ({ id, a: timesA(a) + config.k, b: 0 })))
})
export const right = Node.make("right", {
  ...common, config, inputs: { rows: B }, doc: "Remark ${remark}.",
  run: ({ config, inputs }) =>
    Effect.sync(() => inputs.rows.rows().map(({ id, b }) => ({ id, a: 0, b: plusB(b) + config.k })))
})
export const both = Node.make("both", {
  ...common, config, inputs: { rows: Rows }, env: ["${environmentVariable}"],
  run: ({ config, env, inputs }) => Effect.sync(() => inputs.rows.rows().map(({ id, a, b }) =>
    ({ id, a: timesA(a) + config.k, b: plusB(b) + (env["${environmentVariable}"] ?? "").length })))
})
export const floor = Node.make("floor", {
  ...common, config, inputs: { rows: A },
  run: ({ config, inputs }) => Effect.sync(() =>
    inputs.rows.rows().map(({ id, a }) => ({ id, a: Math.floor(a / (STEP * (config.k + 1))), b: 1 })))
})
export const join = Node.make("join", {
  ...common, config, inputs: { tables: Node.many(A) },
  run: ({ config, inputs }) => Effect.sync(() => inputs.tables.map((table, index) =>
    ({ id: \`t\${index}\`, a: table.rows().reduce((sum, { a }) => sum + a, config.k), b: index })))
})
export const notReached = () => unused(${unused})
`

const repository = dirname(dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url))))))
const loaded = new Map<string, Promise<Definitions>>()

/** The nodes as the code in this state makes them. Each state has a folder of its own, as a module is loaded only once. */
export const load = (code: Code): Promise<Definitions> => {
  const name = JSON.stringify(code)
  const known = loaded.get(name)
  if (known !== undefined) return known
  const root = mkdtempSync(join(tmpdir(), "gemflow-model-"))
  mkdirSync(join(root, "node_modules"))
  symlinkSync(repository, join(root, "node_modules", "gemflow"), "dir")
  symlinkSync(join(repository, "node_modules", "effect"), join(root, "node_modules", "effect"), "dir")
  writeFileSync(join(root, "package.json"), `{ "name": "model", "type": "module" }`)
  writeFileSync(join(root, "helper.ts"), helper(code))
  writeFileSync(join(root, "nodes.ts"), nodes(code))
  const definitions = import(pathToFileURL(join(root, "nodes.ts")).href)
    .then((module: Readonly<Record<Kind, Node.Any>>): Definitions => ({
      source: module.source.definition,
      left: module.left.definition,
      right: module.right.definition,
      both: module.both.definition,
      floor: module.floor.definition,
      join: module.join.definition
    }))
  loaded.set(name, definitions)
  return definitions
}
