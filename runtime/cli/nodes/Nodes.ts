/** `gemflow nodes`: the nodes that come with gemflow, from their own declarations. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Column from "../../../artifacts/Column.ts"
import * as shipped from "../../../nodes/index.ts"
import { didYouMean } from "../../pipeline/DidYouMean.ts"
import type { Definition } from "../../pipeline/Node.ts"
import { outputWidth, print, printJson } from "../Output.ts"
import { clip } from "../render/Clip.ts"
import { type Style, styleOf } from "../render/Style.ts"
import { textTable } from "../render/TextTable.ts"
import { type ConfigField, configFields } from "./ConfigFields.ts"

/** No shipped node has this name. */
export class NoSuchNode extends Schema.TaggedError<NoSuchNode>()("NoSuchNode", {
  node: Schema.String,
  suggestion: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const meant = this.suggestion === undefined ? "" : ` Did you mean ${this.suggestion}?`
    return `gemflow comes with no node ${this.node}.${meant} List those that there are with: gemflow nodes`
  }
}

interface Described {
  readonly node: string
  /** The name by which "gemflow/nodes" exports it. */
  readonly export: string
  readonly doc: string
  readonly determinism: string
  readonly device: boolean
  readonly inputs: ReadonlyArray<{
    readonly input: string
    readonly table: string
    readonly many: boolean
    readonly columns: ReadonlyArray<string>
  }>
  readonly output: { readonly table: string; readonly columns: ReadonlyArray<OutputColumn> }
  readonly config: ReadonlyArray<ConfigField>
}

interface OutputColumn {
  readonly column: string
  readonly type: string
  readonly unit?: string
  readonly doc: string
}

export const nodes = Effect.fn("Nodes.nodes")(function*(asked: string | undefined, json: boolean) {
  const all = Object.entries(shipped).map(([name, { definition }]) => describe(name, definition))
  const style = styleOf(process.stdout)
  if (asked === undefined) {
    if (json) return yield* printJson(all)
    const columns = [{ title: "node", align: "left" }, { title: "", align: "left" }] as const
    yield* print(textTable(columns, all.map(({ doc, node }) => [node, doc]), style, outputWidth()))
    return yield* print(`\nInputs, output and config of one: gemflow nodes ${all[0]?.node ?? "NODE"}`)
  }
  const found = all.find((each) => each.node === asked || each.export === asked)
  if (found === undefined) {
    const suggestion = didYouMean(asked, all.map(({ node }) => node))
    return yield* new NoSuchNode({ node: asked, ...(suggestion === undefined ? {} : { suggestion }) })
  }
  yield* json ? printJson(found) : print(text(found, style, outputWidth()))
})

const describe = (name: string, definition: Definition): Described => ({
  node: definition.name,
  export: name,
  doc: definition.doc,
  determinism: definition.determinism,
  device: definition.device,
  inputs: Object.entries(definition.inputs).map(([input, declared]) => {
    const type = "_tag" in declared ? declared.type : declared
    return { input, table: type.name, many: "_tag" in declared, columns: Object.keys(type.columns) }
  }),
  output: {
    table: definition.output.name,
    columns: Object.entries(definition.output.columns).map(([column, described]) => ({
      column,
      type: Column.render(described),
      ...(described.unit === undefined ? {} : { unit: described.unit }),
      doc: described.doc
    }))
  },
  config: configFields(definition.config)
})

const text = (node: Described, style: Style, width: number): string => {
  const left = (title: string) => ({ title, align: "left" as const })
  const indented = (table: string) => table.split("\n").map((line) => `  ${line}`).join("\n")
  const table = (titles: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>) =>
    indented(textTable(titles.map(left), rows, style, width - 2))
  return [
    `${style.bold(node.node)}  ${node.doc}`,
    `import { ${node.export} } from "gemflow/nodes"`,
    `${node.determinism}${node.device ? ", on a device" : ""}`,
    "",
    style.bold("inputs"),
    node.inputs.length === 0 ? "  none" : table(
      ["input", "table", "columns that are read"],
      node.inputs.map((
        { columns, input, many, table }
      ) => [input, many ? `list of ${table}` : table, columns.join(", ")])
    ),
    "",
    style.bold(`output: ${node.output.table}`),
    table(
      ["column", "type", "unit", ""],
      node.output.columns.map(({ column, doc, type, unit }) => [column, type, unit ?? "", doc])
    ),
    "",
    style.bold("config"),
    node.config.length === 0 ? "  none" : table(
      ["field", "type", "default", ""],
      node.config.map((field) => [field.field, field.type, defaultOf(field), field.doc])
    )
  ].join("\n")
}

const defaultOf = (field: ConfigField): string => {
  if (field.required) return "required"
  if (!("default" in field)) return "left out"
  // `--json` has it in full.
  return clip(JSON.stringify(field.default) ?? "", 24)
}
