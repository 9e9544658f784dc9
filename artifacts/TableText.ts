/** The rows of a table as text for other programs: JSON lines, and CSV as RFC 4180 has it. */
import type * as Column from "./Column.ts"
import { jsonValue } from "./JsonValue.ts"
import type { Table } from "./Table.ts"
import type * as TableType from "./TableType.ts"

/** Rows in a piece of text: enough to make writing it worth a call. */
const pieceRows = 4096

/** An object per line. Numbers that are none (NaN, infinities) are null, as JSON has no word for them. */
export function* jsonLines(table: Table<TableType.Any>): Generator<string> {
  const columns = columnsOf(table)
  for (let from = 0; from < table.numRows; from += pieceRows) {
    let text = ""
    for (let row = from; row < Math.min(table.numRows, from + pieceRows); row++) {
      const object = Object.fromEntries(columns.map(({ name, values }) => [name, jsonValue(values[row])]))
      text += `${JSON.stringify(object)}\n`
    }
    yield text
  }
}

/**
 * A header and a record per row, separated by commas, ended by CRLF. A null is an empty field and an empty text is `""`;
 * lists and structs are JSON; numbers are written so that they read back the same, with NaN, Infinity and -Infinity.
 */
export function* csv(table: Table<TableType.Any>): Generator<string> {
  const columns = columnsOf(table)
  yield `${columns.map(({ name }) => quoted(name)).join(",")}\r\n`
  for (let from = 0; from < table.numRows; from += pieceRows) {
    let text = ""
    for (let row = from; row < Math.min(table.numRows, from + pieceRows); row++) {
      text += `${columns.map(({ column, values }) => field(column, values[row])).join(",")}\r\n`
    }
    yield text
  }
}

interface NamedValues {
  readonly name: string
  readonly column: Column.Any
  readonly values: ReadonlyArray<unknown>
}

const columnsOf = (table: Table<TableType.Any>): ReadonlyArray<NamedValues> =>
  Object.entries(table.type.columns).map(([name, column]) => ({ name, column, values: table.column(name) }))

const field = (column: Column.Any, value: unknown): string => {
  if (value === null || value === undefined) return ""
  if (column.kind === "list" || column.kind === "struct") return quoted(JSON.stringify(jsonValue(value)))
  return typeof value === "string" ? quoted(value) : Object.is(value, -0) ? "-0" : String(value)
}

const quoted = (text: string): string =>
  text === "" || /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll("\"", "\"\"")}"` : text
