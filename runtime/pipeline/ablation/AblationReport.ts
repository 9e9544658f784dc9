/** ablation-report: the node by which a grid compares the tables of its variants. */
import * as Schema from "effect/Schema"
import * as Column from "../../../artifacts/Column.ts"
import { AblationReport as AblationReportTable } from "../../../artifacts/tables/AblationReport.ts"
import * as TableType from "../../../artifacts/TableType.ts"
import * as Node from "../Node.ts"
import type { NodeInstance } from "../Pipeline.ts"
import { ablationSummary, type Measured } from "./Summary.ts"

const Config = Schema.Struct({
  variants: Schema.Array(Schema.Struct({
    variant: Schema.String,
    levels: Schema.Array(Schema.Struct({ axis: Schema.String, level: Schema.String }))
  })).annotate({ description: "The variant that each table comes from, in the order in which they are wired." }),
  label: Schema.NullOr(Schema.String).annotate({ description: "The column that names the rows of a table." }),
  metrics: Schema.Array(Schema.String).annotate({ description: "The columns that are compared." })
})

/** Tables of any columns. */
const Result: TableType.Any = TableType.make("Result", {})

/** Reads what the results have in common: its input is declared anew for each grid. */
const AblationReport = Node.make("ablation-report", {
  doc: "Compares the variants of a grid: means over replicates with 95 % intervals.",
  module: ablationSummary.module,
  config: Config,
  inputs: { results: Node.many(Result) },
  output: AblationReportTable,
  determinism: "exact",
  run: ablationSummary.definition.run
})

/** The instance whose table is the result of a variant, in one replicate. */
export interface VariantResult extends Measured {
  readonly instance: NodeInstance
}

/** The instance that compares the results; nothing where they have no column of numbers in common. */
export const ablationReport = (results: ReadonlyArray<VariantResult>): NodeInstance | undefined => {
  const types = [...new Set(results.map(({ instance }) => instance.node.output))]
  const [first, ...others] = types
  if (first === undefined) return undefined
  const common = Object.entries(first.columns).filter(([name, column]) =>
    others.every(({ columns }) => {
      const found = columns[name]
      return found !== undefined && Column.satisfies(found, column)
    })
  )
  const metrics = common.flatMap(([name, column]) => isMetric(column) ? [name] : [])
  if (metrics.length === 0) return undefined
  // An id tells rows apart, and is no name to compare them by.
  const isLabel = (column: Column.Any) => column.kind === "utf8" && !column.nullable && column.id !== true
  const label = common.find(([, column]) => isLabel(column))?.[0] ?? null
  const read = common.filter(([name]) => name === label || metrics.includes(name))
  const tables = Node.many(TableType.make(first.name, Object.fromEntries(read)))
  return {
    name: "ablation-report",
    node: { ...AblationReport.definition, ...ablationSummary.definition, inputs: { results: tables } },
    config: { variants: results.map(({ levels, variant }) => ({ variant, levels })), label, metrics },
    inputs: { results: results.map(({ instance }) => instance.name) },
    place: () => "the grid",
    writtenBy: {}
  }
}

const isMetric = ({ kind }: Column.Any): boolean =>
  kind === "int32" || kind === "float32" || kind === "float64" || kind === "bool"
