/** How a table differs from another of the same type, column by column and row by row. */
import type * as Column from "./Column.ts"
import type { Table } from "./Table.ts"
import type * as TableType from "./TableType.ts"

/** What became of a column. `absolute` differences are of the numbers that changed, in lists as well. */
export interface ColumnDrift {
  readonly column: string
  readonly rowsChanged: number
  /** Index of the first row that differs. */
  readonly firstRow: number
  /** Where in that row's value, e.g. `[2].role`, empty for the value itself; with what was there and what is now. */
  readonly path: string
  readonly before: unknown
  readonly after: unknown
  readonly maxAbsolute?: number
  readonly meanAbsolute?: number
}

/** How a table differs. Rows are compared by their position; a row that only one has counts as changed in no column. */
export interface TableDrift {
  readonly rowsBefore: number
  readonly rowsAfter: number
  /** The columns that differ, in order. */
  readonly columns: ReadonlyArray<ColumnDrift>
}

/** Compares the columns of a type in two tables. */
export const tableDrift = <T extends TableType.Any>(type: T, before: Table<T>, after: Table<T>): TableDrift => ({
  rowsBefore: before.numRows,
  rowsAfter: after.numRows,
  columns: Object.entries<Column.Any>(type.columns).flatMap(([name]) =>
    columnDrift(name, before.column(name), after.column(name)) ?? []
  )
})

const columnDrift = (
  column: string,
  before: ReadonlyArray<unknown>,
  after: ReadonlyArray<unknown>
): ColumnDrift | undefined => {
  let rowsChanged = 0
  let firstRow = -1
  const numbers = { count: 0, sum: 0, max: 0 }
  for (let row = 0; row < Math.min(before.length, after.length); row++) {
    if (isSame(before[row], after[row])) continue
    rowsChanged++
    if (firstRow < 0) firstRow = row
    addDifferences(before[row], after[row], numbers)
  }
  if (rowsChanged === 0) return undefined
  return {
    column,
    rowsChanged,
    firstRow,
    ...firstDifference(before[firstRow], after[firstRow], ""),
    ...(numbers.count === 0 ? {} : { maxAbsolute: numbers.max, meanAbsolute: numbers.sum / numbers.count })
  }
}

/** Equal as a digest sees it: all NaN are one, 0 and -0 are two. */
const isSame = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true
  if (isArrayLike(a) && isArrayLike(b)) {
    if (a.length !== b.length) return false
    for (let index = 0; index < a.length; index++) if (!isSame(a[index], b[index])) return false
    return true
  }
  if (isRecord(a) && isRecord(b)) return Object.keys(a).every((name) => isSame(a[name], b[name]))
  return false
}

/** The innermost part of two values that differs first. */
const firstDifference = (
  before: unknown,
  after: unknown,
  path: string
): { readonly path: string; readonly before: unknown; readonly after: unknown } => {
  if (isArrayLike(before) && isArrayLike(after) && before.length === after.length) {
    for (let index = 0; index < before.length; index++) {
      if (!isSame(before[index], after[index])) return firstDifference(before[index], after[index], `${path}[${index}]`)
    }
  }
  if (isRecord(before) && isRecord(after)) {
    const name = Object.keys(before).find((name) => !isSame(before[name], after[name]))
    if (name !== undefined) return firstDifference(before[name], after[name], `${path}.${name}`)
  }
  return { path, before, after }
}

const addDifferences = (a: unknown, b: unknown, numbers: { count: number; sum: number; max: number }): void => {
  if (typeof a === "number" && typeof b === "number") {
    const difference = Math.abs(a - b)
    if (Number.isNaN(difference)) return
    numbers.count++
    numbers.sum += difference
    numbers.max = Math.max(numbers.max, difference)
  } else if (isArrayLike(a) && isArrayLike(b)) {
    for (let index = 0; index < Math.min(a.length, b.length); index++) addDifferences(a[index], b[index], numbers)
  } else if (isRecord(a) && isRecord(b)) {
    for (const name of Object.keys(a)) addDifferences(a[name], b[name], numbers)
  }
}

const isArrayLike = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !isArrayLike(value)
