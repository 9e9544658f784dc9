/** The row that a person means: `#12`, the value of an id, or the beginning of one that only one row has. Pure. */
import * as Schema from "effect/Schema"
import type { Table } from "../../artifacts/Table.ts"
import type * as TableType from "../../artifacts/TableType.ts"

/** No row, or several, are what was asked for. */
export class RowNotFound extends Schema.TaggedError<RowNotFound>()("RowNotFound", {
  node: Schema.String,
  row: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.node} has no one row ${this.row}: ${this.problem}`
  }
}

/** How many rows an error names. */
const named = 4

/** The number of the row, from 0, or why there is none. */
export const findRow = (
  node: string,
  table: Table<TableType.Any>,
  ids: ReadonlyArray<string>,
  asked: string
): number | RowNotFound => {
  const refuse = (problem: string) => new RowNotFound({ node, row: asked, problem })
  const number = /^#(\d{1,15})$/.exec(asked)?.[1]
  if (number !== undefined) {
    const row = Number(number)
    return row >= 1 && row <= table.numRows
      ? row - 1
      : refuse(`it has ${table.numRows === 0 ? "no rows" : `rows #1 to #${table.numRows}`}.`)
  }
  if (ids.length === 0) {
    return refuse("no column of its table is marked as an id (`id: true`). Name the row by its number, such as #1.")
  }
  const columns = ids.map((name) => table.column(name).map((value) => value === null ? undefined : String(value)))
  for (const matches of [(id: string) => id === asked, (id: string) => id.startsWith(asked)]) {
    const rows = new Set<number>()
    for (const column of columns) {
      column.forEach((id, row) => {
        if (id !== undefined && matches(id)) rows.add(row)
      })
      // An id that is first among the table's is what a row is about; a later one is what it belongs to.
      if (rows.size > 0) break
    }
    const [row, ...others] = rows
    if (row === undefined) continue
    if (others.length === 0) return row
    const examples = [...rows].slice(0, named).map((row) => `#${row + 1} (${columns[0]?.[row]})`).join(", ")
    return refuse(`${rows.size} rows have it. Name one of them: ${examples}${rows.size > named ? ", …" : "."}`)
  }
  const example = columns[0]?.[0]
  return refuse(
    `none of its ${ids.join(", ")} begins with that.${
      example === undefined ? "" : ` The first row is ${example}, or #1.`
    }`
  )
}
