/** Two tables side by side: columns by their digests, rows by their ids, values where they differ. Pure. */
import * as Column from "../../artifacts/Column.ts"
import type { Table } from "../../artifacts/Table.ts"
import type * as TableType from "../../artifacts/TableType.ts"
import { idColumns, RowIndex } from "./RowIds.ts"

/** A stored table with the digest of each column. */
export interface DiffedTable {
  readonly table: Table<TableType.Any>
  readonly columns: Readonly<Record<string, string>>
}

export interface TableDiff {
  readonly rows: { readonly before: number; readonly after: number }
  readonly addedColumns: ReadonlyArray<string>
  readonly removedColumns: ReadonlyArray<string>
  /** With types, where those differ. */
  readonly changedColumns: ReadonlyArray<string>
  readonly sameColumns: ReadonlyArray<string>
  /** The columns that rows were matched by; none: by position. */
  readonly matchedBy: ReadonlyArray<string>
  readonly added: number
  readonly removed: number
  readonly changed: number
  /** Rows that are as they were, except that they may stand elsewhere. */
  readonly same: number
  /** Per column, in how many of the changed rows it differs. */
  readonly changedIn: Readonly<Record<string, number>>
  /** The first of each kind. */
  readonly examples: ReadonlyArray<RowDiff>
  /** Every number of two tables of results side by side: of few rows, which have a label and no ids. Else empty. */
  readonly metrics: ReadonlyArray<Metric>
}

export interface RowDiff {
  readonly change: "added" | "removed" | "changed"
  /** What the row is matched by, or its number: `candidate_id q:1`, `#3`. */
  readonly row: string
  readonly values: Readonly<Record<string, { readonly before?: unknown; readonly after?: unknown }>>
}

/** A number that a table of results tells of one of its rows. */
export interface Metric {
  readonly row: string
  readonly column: string
  readonly before: number | null
  readonly after: number | null
  readonly difference: number | null
}

/** A table of at most so many rows is one of results, whose numbers are read one by one. */
const resultRows = 50

export const diffTables = (before: DiffedTable, after: DiffedTable, limit: number): TableDiff => {
  const [a, b] = [before.table, after.table]
  const common = Object.keys(a.type.columns).filter((name) => b.type.columns[name] !== undefined)
  const typed = common.filter((name) => typeOf(a, name) === typeOf(b, name))
  const changedColumns = common.filter((name) => before.columns[name] !== after.columns[name])
  const differing = changedColumns.filter((name) => typed.includes(name))
  const { columns: matchedBy, pairs, added, removed } = matchRows(a, b, typed)
  const nameOf = (table: Table<TableType.Any>, row: number) =>
    matchedBy.length === 0
      ? `#${row + 1}`
      : matchedBy.map((name) => `${name} ${String(table.column(name)[row])}`).join(", ")

  const changedIn: Record<string, number> = {}
  const examples: Array<RowDiff> = []
  let changed = 0
  for (const [rowBefore, rowAfter] of pairs) {
    const columns = differing.filter((name) => !equal(a.column(name)[rowBefore], b.column(name)[rowAfter]))
    if (columns.length === 0) continue
    changed++
    for (const name of columns) changedIn[name] = (changedIn[name] ?? 0) + 1
    if (examples.length < limit) {
      const values = columns.map((name) =>
        [name, { before: a.column(name)[rowBefore], after: b.column(name)[rowAfter] }] as const
      )
      examples.push({ change: "changed", row: nameOf(b, rowAfter), values: Object.fromEntries(values) })
    }
  }
  removed.slice(0, limit).forEach((row) => examples.push({ change: "removed", row: nameOf(a, row), values: {} }))
  added.slice(0, limit).forEach((row) => examples.push({ change: "added", row: nameOf(b, row), values: {} }))

  return {
    rows: { before: a.numRows, after: b.numRows },
    addedColumns: Object.keys(b.type.columns).filter((name) => !common.includes(name)),
    removedColumns: Object.keys(a.type.columns).filter((name) => !common.includes(name)),
    changedColumns: changedColumns.map((name) =>
      typed.includes(name) ? name : `${name} ${typeOf(a, name)} -> ${typeOf(b, name)}`
    ),
    sameColumns: common.filter((name) => !changedColumns.includes(name)),
    matchedBy,
    added: added.length,
    removed: removed.length,
    changed,
    same: pairs.length - changed,
    changedIn,
    examples,
    metrics: [a, b].some(({ type }) => idColumns(type.columns).length > 0) ? [] : metricsOf(a, b, typed, pairs, nameOf)
  }
}

const typeOf = ({ type }: Table<TableType.Any>, name: string): string => {
  const column = type.columns[name]
  return column === undefined ? "" : Column.render(column)
}

interface Matched {
  readonly columns: ReadonlyArray<string>
  readonly pairs: ReadonlyArray<readonly [number, number]>
  readonly added: ReadonlyArray<number>
  readonly removed: ReadonlyArray<number>
}

/**
 * Rows with equal ids, or with an equal label (a column of text that is unique in both), else rows at equal places. Where ids
 * repeat, their first occurrences belong together, and so on.
 */
const matchRows = (a: Table<TableType.Any>, b: Table<TableType.Any>, common: ReadonlyArray<string>): Matched => {
  const isUnique = (name: string) =>
    [a, b].every((table) => table.numRows > 0 && new RowIndex(table, [name]).isUnique && !hasNull(table, name))
  const idsOf = (table: Table<TableType.Any>) => idColumns(table.type.columns).filter((name) => common.includes(name))
  const ids = [...new Set([...idsOf(a), ...idsOf(b)])]
  const labels = ids.length > 0 ? [] : common.filter((name) => a.type.columns[name]?.kind === "utf8")
  const unique = [...ids, ...labels].find(isUnique)
  const columns = unique === undefined ? ids : [unique]
  if (columns.length === 0) return byPosition(a.numRows, b.numRows)

  const keys = (table: Table<TableType.Any>) => {
    const seen = new Map<string, number>()
    return Array.from({ length: table.numRows }, (_, row) => {
      const key = JSON.stringify(columns.map((name) => table.column(name)[row] ?? null))
      const occurrence = seen.get(key) ?? 0
      seen.set(key, occurrence + 1)
      return `${occurrence} ${key}`
    })
  }
  const places = new Map(keys(b).map((key, row) => [key, row]))
  const pairs: Array<readonly [number, number]> = []
  const removed: Array<number> = []
  keys(a).forEach((key, row) => {
    const place = places.get(key)
    places.delete(key)
    if (place === undefined) removed.push(row)
    else pairs.push([row, place])
  })
  return { columns, pairs, removed, added: [...places.values()] }
}

const byPosition = (before: number, after: number): Matched => {
  const both = Math.min(before, after)
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)
  return {
    columns: [],
    pairs: range(0, both).map((row) => [row, row]),
    removed: range(both, before),
    added: range(both, after)
  }
}

const hasNull = (table: Table<TableType.Any>, name: string): boolean => table.column(name).includes(null)

const metricsOf = (
  a: Table<TableType.Any>,
  b: Table<TableType.Any>,
  common: ReadonlyArray<string>,
  pairs: ReadonlyArray<readonly [number, number]>,
  nameOf: (table: Table<TableType.Any>, row: number) => string
): ReadonlyArray<Metric> => {
  if (a.numRows > resultRows || b.numRows > resultRows) return []
  const numeric = common.filter((name) => ["float64", "float32", "int32"].includes(b.type.columns[name]?.kind ?? ""))
  return pairs.flatMap(([rowBefore, rowAfter]) =>
    numeric.map((column): Metric => {
      const [before, after] = [number(a.column(column)[rowBefore]), number(b.column(column)[rowAfter])]
      const difference = before === null || after === null ? null : after - before
      return { row: nameOf(b, rowAfter), column, before, after, difference }
    })
  )
}

const number = (value: unknown): number | null => typeof value === "number" ? value : null

/** Equal as values of a table are: numbers that are none are equal, and so are lists with equal items. */
const equal = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b) || a === b) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  const [itemsA, itemsB] = [Object.entries(a), Object.entries(b)]
  return itemsA.length === itemsB.length
    && itemsA.every(([name, value], index) => itemsB[index]?.[0] === name && equal(value, itemsB[index]?.[1]))
}
