/** Parts of tables, and tables from parts. Loads Arrow. */
import * as Arrow from "apache-arrow"
import type * as Effect from "effect/Effect"
import { Table } from "./Table.ts"
import type { TableMismatch } from "./TableMismatch.ts"
import type * as TableType from "./TableType.ts"

/**
 * The rows at the given indices, in that order. Rows that stand together are not copied.
 *
 * @param indices of rows, each within the table
 */
export const takeRows = <T extends TableType.Any>(
  table: Table<T>,
  indices: ReadonlyArray<number>
): Effect.Effect<Table<T>, TableMismatch> => {
  const [first] = indices
  // Arrow JS does not slice a table without batches.
  if (first === undefined) return Table.fromRows(table.type, [])
  if (indices.every((index, position) => index === first + position)) {
    return Table.fromArrow(table.type, table.arrow.slice(first, first + indices.length))
  }
  const rows = table.rows()
  return Table.fromRows(table.type, indices.map((index) => rows[index]).filter((row) => row !== undefined))
}

/** The rows of the tables, one table after the other, without copying. */
export const concatenate = <T extends TableType.Any>(
  type: T,
  tables: ReadonlyArray<Table<T>>
): Effect.Effect<Table<T>, TableMismatch> => {
  const [first] = tables
  if (first === undefined) return Table.fromRows(type, [])
  // The schema of the first: all are of one type.
  return Table.fromArrow(type, new Arrow.Table(first.arrow.schema, tables.flatMap(({ arrow }) => arrow.batches)))
}
