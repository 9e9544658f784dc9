/** What a person wants to know of a column before reading it: how many, how missing, how large, how long, how varied. */
import type * as Column from "./Column.ts"
import type { Table } from "./Table.ts"
import type * as TableType from "./TableType.ts"

/** Of numbers that are not NaN; all are null when there are none. */
export interface NumberSummary {
  readonly min: number | null
  readonly max: number | null
  readonly mean: number | null
  /** The quartiles and the ends of the middle 90 %: of all values, or of a hundred thousand of them taken evenly. */
  readonly quantiles: Quantiles | null
}

export interface Quantiles {
  readonly q05: number
  readonly q25: number
  readonly q50: number
  readonly q75: number
  readonly q95: number
}

/** Statistics of one column. `count` is of all rows, `nulls` of those without a value. */
export type ColumnStatistics =
  & { readonly name: string; readonly count: number; readonly nulls: number }
  & (
    | { readonly kind: "number"; readonly values: NumberSummary; readonly notANumber: number }
    /** Lengths are in UTF-16 code units. */
    | { readonly kind: "text"; readonly distinct: number; readonly lengths: NumberSummary }
    | { readonly kind: "bool"; readonly trues: number }
    /** `items` sums up the items of all lists, when they are numbers. */
    | { readonly kind: "list"; readonly lengths: NumberSummary; readonly items?: NumberSummary }
    | { readonly kind: "struct" }
  )

/** Statistics of each column of a table, in order. */
export const tableStatistics = <T extends TableType.Any>(table: Table<T>): ReadonlyArray<ColumnStatistics> =>
  Object.entries<Column.Any>(table.type.columns).map(([name, column]) =>
    columnStatistics(name, column, table.column(name))
  )

/** Statistics of a column's values. */
export const columnStatistics = (
  name: string,
  column: Column.Any,
  values: ReadonlyArray<unknown>
): ColumnStatistics => {
  const nulls = values.reduce<number>((nulls, value) => value === null ? nulls + 1 : nulls, 0)
  const common = { name, count: values.length, nulls }
  switch (column.kind) {
    case "int32":
    case "float32":
    case "float64": {
      const notANumber = values.reduce<number>((count, value) => Number.isNaN(value) ? count + 1 : count, 0)
      return { ...common, kind: "number", values: summary([values]), notANumber }
    }
    case "utf8":
    case "digest": {
      const texts = values.filter((value) => typeof value === "string")
      const lengths = summary([texts.map((text) => text.length)])
      return { ...common, kind: "text", distinct: new Set(texts).size, lengths }
    }
    case "bool":
      return { ...common, kind: "bool", trues: values.filter((value) => value === true).length }
    case "list": {
      const lists = values.filter(isListLike)
      const lengths = summary([lists.map((list) => list.length)])
      const isNumeric = column.of.kind === "int32" || column.of.kind === "float32" || column.of.kind === "float64"
      return { ...common, kind: "list", lengths, ...(isNumeric ? { items: summary(lists) } : {}) }
    }
    case "struct":
      return { ...common, kind: "struct" }
  }
}

const isListLike = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))

const summary = (parts: ReadonlyArray<ArrayLike<unknown>>): NumberSummary => {
  const total = parts.reduce((total, part) => total + part.length, 0)
  const step = Math.max(1, Math.ceil(total / mostSorted))
  const sampled: Array<number> = []
  let position = 0
  let count = 0
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  let sum = 0
  for (const part of parts) {
    for (let index = 0; index < part.length; index++) {
      const value = part[index]
      const isSampled = position++ % step === 0
      if (typeof value !== "number" || Number.isNaN(value)) continue
      count++
      if (value < min) min = value
      if (value > max) max = value
      sum += value
      if (isSampled) sampled.push(value)
    }
  }
  if (count === 0) return { min: null, max: null, mean: null, quantiles: null }
  const sorted = Float64Array.from(sampled.length > 0 ? sampled : [min, max]).toSorted()
  const at = (share: number) => quantile(sorted, share)
  const quantiles = { q05: at(0.05), q25: at(0.25), q50: at(0.5), q75: at(0.75), q95: at(0.95) }
  return { min, max, mean: sum / count, quantiles }
}

/** Sorting all of a large column would take longer than reading it. */
const mostSorted = 100_000

/** By linear interpolation between the two values next to the place, as numpy and pandas do. */
const quantile = (sorted: Float64Array, share: number): number => {
  const place = share * (sorted.length - 1)
  const [below, above] = [sorted[Math.floor(place)] ?? 0, sorted[Math.ceil(place)] ?? 0]
  const part = place - Math.floor(place)
  // Without a part between them, an infinite difference counts for nothing.
  return part === 0 || below === above ? below : below + (above - below) * part
}
