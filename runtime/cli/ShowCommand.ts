import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import * as Column from "../../artifacts/Column.ts"
import { type ColumnStatistics, columnStatistics, type NumberSummary } from "../../artifacts/Statistics.ts"
import type { Table } from "../../artifacts/Table.ts"
import type * as TableType from "../../artifacts/TableType.ts"
import { Catalog } from "../lineage/Catalog.ts"
import { NotRunYet } from "./ExitCode.ts"
import * as Options from "./Options.ts"
import { outputWidth, print, printJson } from "./Output.ts"
import { jsonValue } from "./render/Cell.ts"
import { count, formatBytes, formatNumber } from "./render/Numbers.ts"
import { resultTable, shownTable } from "./render/ResultTable.ts"
import { type Style, styleOf } from "./render/Style.ts"
import { oneLine, textTable } from "./render/TextTable.ts"
import { namedOne, openPipeline, readerLayer } from "./Workspace.ts"

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

export const showCommand = Command.make("show", {
  file: Options.file,
  node: Options.node,
  path,
  json: Options.json("Print schema, statistics and rows as JSON"),
  rows,
  store: Options.store
}, (options) =>
  Effect.gen(function*() {
    const { pipeline, project } = yield* openPipeline(options.file, options)
    const { name, node } = yield* namedOne(pipeline, options.node)
    yield* Effect.gen(function*() {
      const catalog = yield* Catalog
      const store = yield* ArtifactStore
      const action = yield* catalog.latest(pipeline.name, name)
      if (action === undefined) return yield* new NotRunYet({ node: name, file: options.file })
      const ref = yield* store.describe(action.output)
      if (options.path) return yield* print(store.path(ref.digest))
      const table = yield* store.open(ref.digest)
      const columns = describeColumns(table, node.output, ref.columns)
      const { bytes, digest, directories, numRows } = ref
      if (options.json) {
        return yield* printJson({
          node: name,
          table: ref.table,
          digest,
          path: store.path(digest),
          bytes,
          directories,
          run: action.run,
          numRows,
          columns,
          rows: table.rows().slice(0, options.rows).map(jsonValue)
        })
      }
      const style = styleOf(process.stdout)
      yield* print(
        `${style.bold(name)}  ${ref.table}, ${count(numRows, "row")}, ${formatBytes(bytes)}, `
          + `${digest.slice(0, 12)}, computed by run ${action.run}\n`
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

const range = (what: string, { max, mean, min }: NumberSummary): ReadonlyArray<string> => {
  if (min === null || max === null || mean === null) return []
  const span = min === max
    ? formatNumber(min)
    : `${formatNumber(min)} … ${formatNumber(max)}, mean ${formatNumber(mean)}`
  return [`${what}${span}`]
}
