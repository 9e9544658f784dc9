import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import * as Column from "../../artifacts/Column.ts"
import { jsonValue } from "../../artifacts/JsonValue.ts"
import { type ColumnStatistics, columnStatistics, type NumberSummary } from "../../artifacts/Statistics.ts"
import type { Table } from "../../artifacts/Table.ts"
import type * as TableType from "../../artifacts/TableType.ts"
import { namedOutput } from "./NamedOutput.ts"
import * as Options from "./Options.ts"
import { outputWidth, print, printJson } from "./Output.ts"
import { count, formatBytes, formatNumber } from "./render/Numbers.ts"
import { resultTable, shownTable } from "./render/ResultTable.ts"
import { type Style, styleOf } from "./render/Style.ts"
import { oneLine, textTable } from "./render/TextTable.ts"
import { openPipeline, readerLayer } from "./Workspace.ts"

const path = Flag.Boolean("path").pipe(
  Flag.withDescription("Print only the path of the Arrow file"),
  Flag.withDefault(false),
  Flag.withoutNegation
)

const rows = Flag.Int("rows").pipe(
  Flag.withMetavar("N"),
  Flag.withDescription("How many rows to show (default: 10)"),
  Flag.withSchema(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0, { expected: "a number of at least 0" }))),
  Flag.withDefault(10)
)

const columns = Flag.String("columns").pipe(
  Flag.withMetavar("NAME,NAME"),
  Flag.withDescription("Show only these columns, and read no others; may be repeated"),
  Flag.atLeast(0),
  Flag.map((lists) => lists.flatMap((list) => list.split(",").map((name) => name.trim()).filter((name) => name !== "")))
)

const node = Argument.String("node").pipe(
  Argument.withDescription("A node of the pipeline, or the beginning of an artifact's digest (8 letters or more)")
)

/** A column was asked for that the table does not have. */
export class UnknownColumn extends Schema.TaggedError<UnknownColumn>()("UnknownColumn", {
  node: Schema.String,
  column: Schema.String,
  columns: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `${this.node} has no column ${this.column}; it has ${this.columns.join(", ")}.`
  }
}

export const showCommand = Command.make("show", {
  file: Options.file,
  node,
  columns,
  path,
  json: Options.json("Print schema, statistics and rows as JSON"),
  rows,
  store: Options.store
}, (options) =>
  Effect.gen(function*() {
    const { pipeline, project } = yield* openPipeline(options.file, options)
    yield* Effect.gen(function*() {
      const store = yield* ArtifactStore
      const { digest: named, instance, name, run } = yield* namedOutput(pipeline, options.file, options.node)
      const ref = yield* store.describe(named)
      if (options.path) return yield* print(store.path(ref.digest))
      const available = Object.keys(ref.columns)
      const unknown = options.columns.find((column) => !available.includes(column))
      if (unknown !== undefined) return yield* new UnknownColumn({ node: name, column: unknown, columns: available })
      const table = yield* store.open(ref.digest, options.columns.length === 0 ? available : options.columns)
      const columns = describeColumns(table, instance?.node.output ?? table.type, ref.columns)
      const { bytes, digest, directories, numRows } = ref
      if (options.json) {
        return yield* printJson({
          node: instance?.name ?? null,
          table: ref.table,
          digest,
          path: store.path(digest),
          bytes,
          directories,
          run: run ?? null,
          numRows,
          columns,
          rows: table.rows().slice(0, options.rows).map(jsonValue)
        })
      }
      const style = styleOf(process.stdout)
      yield* print(
        `${style.bold(name)}  ${ref.table}, ${count(numRows, "row")}, ${formatBytes(bytes)}, `
          + `${digest.slice(0, 12)}${run === undefined ? "" : `, computed by run ${run}`}\n`
      )
      for (const directory of directories) {
        yield* print(`${style.dim("directory")} ${yield* store.directoryPath(directory)}\n`)
      }
      yield* print(`${columnTable(columns, style)}\n`)
      if (options.rows > 0) yield* print(resultTable(shownTable(table, options.rows), style, outputWidth()))
    }).pipe(Effect.provide(readerLayer(project.store)))
  })).pipe(
    Command.withDescription("Show what a node made: its columns, statistics and first rows."),
    Command.withShortDescription("Show what a node made"),
    Command.withExamples([
      { command: "gemflow show pipelines/gem.ts report", description: "The columns and first rows of a node's output" },
      { command: "gemflow show pipelines/gem.ts sample --rows 3 --json", description: "The same for another program" },
      {
        command: "gemflow show pipelines/gem.ts sample --columns token_entropy,text",
        description: "Two of its columns, without reading the others"
      },
      { command: "gemflow show pipelines/gem.ts sample --path", description: "The Arrow file, for any Arrow reader" }
    ])
  )

interface DescribedColumn {
  readonly name: string
  readonly type: string
  readonly unit?: string
  readonly doc: string
  readonly digest?: string
  readonly statistics: ColumnStatistics
}

/** The columns as stored; their documentation comes from the node, as it is declared now. */
const describeColumns = (
  table: Table<TableType.Any>,
  declared: TableType.Any,
  digests: Readonly<Record<string, string>>
): ReadonlyArray<DescribedColumn> =>
  Object.entries(table.type.columns).map(([name, column]) => {
    const { doc = "", unit } = declared.columns[name] ?? column
    const digest = digests[name]
    return {
      name,
      type: Column.render(column),
      ...(unit === undefined ? {} : { unit }),
      doc,
      ...(digest === undefined ? {} : { digest }),
      statistics: columnStatistics(name, column, table.column(name))
    }
  })

const columnTable = (described: ReadonlyArray<DescribedColumn>, style: Style): string =>
  textTable(
    [
      { title: "column", align: "left" },
      { title: "type", align: "left" },
      { title: "values", align: "left" },
      { title: "meaning", align: "left" }
    ],
    described.map(({ doc, name, statistics, type, unit }) => [
      name,
      type,
      summary(statistics),
      oneLine(unit === undefined ? doc : `${doc} (${unit})`)
    ]),
    style,
    outputWidth()
  )

const summary = (statistics: ColumnStatistics): string => {
  const nulls = statistics.nulls > 0 ? [count(statistics.nulls, "null")] : []
  return [...valuesOf(statistics), ...nulls].join(", ")
}

const valuesOf = (statistics: ColumnStatistics): ReadonlyArray<string> => {
  switch (statistics.kind) {
    case "number":
      return [...range("", statistics.values), ...(statistics.notANumber > 0 ? [`${statistics.notANumber} NaN`] : [])]
    case "text":
      return [`${formatNumber(statistics.distinct)} distinct`, ...range("length ", statistics.lengths)]
    case "bool":
      return statistics.count === 0 ? [] : [`${formatNumber(statistics.trues / statistics.count)} true`]
    case "list":
      return [
        ...range("length ", statistics.lengths),
        ...(statistics.items === undefined ? [] : range("items ", statistics.items))
      ]
    case "struct":
      return []
  }
}

const range = (what: string, { max, mean, min, quantiles }: NumberSummary): ReadonlyArray<string> => {
  if (min === null || max === null || mean === null) return []
  const span = min === max
    ? formatNumber(min)
    : `${formatNumber(min)} … ${formatNumber(max)}, mean ${formatNumber(mean)}`
  const median = min === max || quantiles === null ? "" : `, median ${formatNumber(quantiles.q50)}`
  return [`${what}${span}${median}`]
}
