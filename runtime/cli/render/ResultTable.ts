/** The rows of a table for a terminal, intervals in one column with what they belong to. */
import type * as Column from "../../../artifacts/Column.ts"
import type { Table } from "../../../artifacts/Table.ts"
import type * as TableType from "../../../artifacts/TableType.ts"
import { cell, isNumeric } from "./Cell.ts"
import { count, formatInterval } from "./Numbers.ts"
import type { ShownTable } from "./ShownTable.ts"
import type { Style } from "./Style.ts"
import { textTable } from "./TextTable.ts"

/** No cell is wider than this; text columns may hold pages. */
const widestCell = 60

/** The first rows of a table, at most `limit`. */
export const shownTable = (table: Table<TableType.Any>, limit: number): ShownTable => {
  const rows = table.rows().slice(0, limit)
  const columns = displayedColumns(table.type.columns)
  return {
    columns: columns.map(({ numeric, title }) => ({ title, align: numeric ? "right" : "left" })),
    rows: rows.map((row) => columns.map(({ render }) => render(row))),
    hidden: table.numRows - rows.length
  }
}

/** The table as text that fits `width` cells. */
export const resultTable = ({ columns, hidden, rows }: ShownTable, style: Style, width: number): string => {
  const text = textTable(columns, rows, style, width)
  return hidden > 0 ? `${text}\n${style.dim(`… and ${count(hidden, "more row")}`)}` : text
}

interface Displayed {
  readonly title: string
  readonly numeric: boolean
  readonly render: (row: Readonly<Record<string, unknown>>) => string
}

const displayedColumns = (columns: Column.Fields): ReadonlyArray<Displayed> => {
  const intervals = intervalsOf(columns)
  const bounds = new Set([...intervals.values()].flatMap(({ high, low }) => [low, high]))
  return Object.entries(columns).flatMap(([name, column]): ReadonlyArray<Displayed> => {
    if (bounds.has(name)) return []
    const interval = intervals.get(name)
    const title = name.replaceAll("_", " ")
    return [{
      title,
      numeric: isNumeric(column),
      render: (row) => {
        const [value, low, high] = [row[name], row[interval?.low ?? ""], row[interval?.high ?? ""]]
        return typeof value === "number" && typeof low === "number" && typeof high === "number"
          ? formatInterval(value, low, high)
          : cell(column, value, widestCell)
      }
    }]
  })
}

/** Which column has its interval in which: `x` in `x_low` and `x_high`, or the nearest column before these that begins with `x_`. */
const intervalsOf = (columns: Column.Fields): ReadonlyMap<string, { readonly low: string; readonly high: string }> => {
  const names = Object.keys(columns)
  const intervals = new Map<string, { readonly low: string; readonly high: string }>()
  names.forEach((low, position) => {
    const stem = /^(.+)_low$/.exec(low)?.[1]
    if (stem === undefined || columns[`${stem}_high`] === undefined) return
    const owner = names.slice(0, position).findLast((name) => name === stem || name.startsWith(`${stem}_`))
    if (owner !== undefined) intervals.set(owner, { low, high: `${stem}_high` })
  })
  return intervals
}
