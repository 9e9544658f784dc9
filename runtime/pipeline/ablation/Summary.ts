/** What an ablation report says: per variant, label and metric the mean over replicates, with a 95 % interval. */
import * as Effect from "effect/Effect"
import type { AblationReport } from "../../../artifacts/tables/AblationReport.ts"
import type * as TableType from "../../../artifacts/TableType.ts"
import type { RunContext } from "../Node.ts"
import { studentQuantile } from "./StudentT.ts"

/** What a wired table stands for. */
export interface Measured {
  readonly variant: string
  readonly levels: ReadonlyArray<{ readonly axis: string; readonly level: string }>
}

/** A table, as far as it is looked at. */
export interface Measurements {
  readonly numRows: number
  column(name: string): ArrayLike<unknown>
}

export type SummaryRow = TableType.Row<typeof AblationReport>

/** What is compared in the tables. */
export interface Compared {
  /** The column that names the rows. */
  readonly label: string | null
  /** Columns of numbers or truth values (true counts as 1); nulls and NaN are left out. */
  readonly metrics: ReadonlyArray<string>
}

type Config = Compared & { readonly variants: ReadonlyArray<Measured> }

/**
 * What the node `ablation-report` runs, as the code fingerprint finds it: in a module of its own, so that the key holds this
 * code and not that by which grids are made.
 */
export const ablationSummary = {
  module: import.meta.url,
  definition: {
    run: ({ config, inputs }: RunContext<Config, { readonly results: ReadonlyArray<Measurements> }>) =>
      Effect.sync(() => summarise(config.variants, inputs.results, config))
  }
}

/** Tables with more labels than this are no reports: they are summed up as a whole. */
const mostLabels = 100

/** Summarises tables, one per measured variant and replicate, in that order. */
export const summarise = (
  measured: ReadonlyArray<Measured>,
  tables: ReadonlyArray<Measurements>,
  { label, metrics }: Compared
): ReadonlyArray<SummaryRow> => {
  const labelOf = labelling(tables, label)
  const samples = new Map<string, Sample>()
  for (const [position, table] of tables.entries()) {
    const of = measured[position]
    if (of === undefined) continue
    for (const metric of metrics) {
      for (const [name, values] of valuesByLabel(table, metric, labelOf(table))) {
        const key = JSON.stringify([of.variant, name, metric])
        const sample = samples.get(key) ?? { of, label: name, metric, replicates: [] }
        samples.set(key, sample)
        if (values.length > 0) sample.replicates.push(mean(values))
      }
    }
  }
  const order = <A>(items: Iterable<A>) => new Map([...new Set(items)].map((item, index) => [item, index]))
  const all = [...samples.values()].filter(({ replicates }) => replicates.length > 0)
  const variants = order(measured.map(({ variant }) => variant))
  const labels = order(all.map((sample) => sample.label))
  const columns = order(metrics)
  const place = <A>(known: ReadonlyMap<A, number>, key: A) => known.get(key) ?? 0
  return all.toSorted((a, b) =>
    place(variants, a.of.variant) - place(variants, b.of.variant)
    || place(labels, a.label) - place(labels, b.label)
    || place(columns, a.metric) - place(columns, b.metric)
  ).map(({ label, metric, of, replicates }) => ({ ...of, label, metric, ...spread(replicates) }))
}

interface Sample {
  readonly of: Measured
  readonly label: string
  readonly metric: string
  readonly replicates: Array<number>
}

/** mean +- t(0.975, n - 1) sd / sqrt(n). */
const spread = (values: ReadonlyArray<number>) => {
  const n = values.length
  const centre = mean(values)
  if (n < 2) return { replicates: n, mean: centre, sd: null, low: null, high: null }
  const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (n - 1))
  const half = studentQuantile(0.975, n - 1) * sd / Math.sqrt(n)
  return { replicates: n, mean: centre, sd, low: centre - half, high: centre + half }
}

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length

const labelling = (tables: ReadonlyArray<Measurements>, label: string | null) => {
  const none = () => () => ""
  if (label === null) return none
  const distinct = (table: Measurements) => {
    const column = table.column(label)
    const labels = new Set<unknown>()
    for (let row = 0; row < table.numRows && labels.size <= mostLabels; row++) labels.add(column[row])
    return labels.size
  }
  if (tables.some((table) => distinct(table) > mostLabels)) return none
  return (table: Measurements) => {
    const column = table.column(label)
    return (row: number) => String(column[row])
  }
}

const valuesByLabel = (table: Measurements, metric: string, labelAt: (row: number) => string) => {
  const column = table.column(metric)
  const byLabel = new Map<string, Array<number>>()
  for (let row = 0; row < table.numRows; row++) {
    const label = labelAt(row)
    const values = byLabel.get(label) ?? []
    byLabel.set(label, values)
    const value = column[row]
    const number = typeof value === "boolean" ? Number(value) : value
    if (typeof number === "number" && !Number.isNaN(number)) values.push(number)
  }
  return byLabel
}
