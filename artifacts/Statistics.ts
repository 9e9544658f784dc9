/** What a person wants to know of a column before reading it: how many, how missing, how large, how long, how varied. */
import type * as Column from "./Column.ts"
import type { Table } from "./Table.ts"
import type * as TableType from "./TableType.ts"

/** Of numbers that are not NaN; all three are null when there are none. */
export interface NumberSummary {
  readonly min: number | null
  readonly max: number | null
  readonly mean: number | null
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
  let count = 0
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  let sum = 0
  for (const part of parts) {
    for (let index = 0; index < part.length; index++) {
      const value = part[index]
      if (typeof value !== "number" || Number.isNaN(value)) continue
      count++
      if (value < min) min = value
      if (value > max) max = value
      sum += value
    }
  }
  return count === 0 ? { min: null, max: null, mean: null } : { min, max, mean: sum / count }
}
