/** How rows of two tables belong to each other: by the values of the id columns that both have. Pure. */
import type * as Column from "../../artifacts/Column.ts"
import type { Table } from "../../artifacts/Table.ts"
import type * as TableType from "../../artifacts/TableType.ts"

/** The id columns of a table: those marked when it was stored, or in its type as it is declared now. */
export const idColumns = (stored: Column.Fields, declared: Column.Fields = {}): ReadonlyArray<string> =>
  Object.keys(stored).filter((name) => stored[name]?.id === true || declared[name]?.id === true)

/** Row numbers, from 0, by the values of some columns. A row in which one of them is null belongs to nothing. */
export class RowIndex {
  readonly columns: ReadonlyArray<string>
  readonly #rows = new Map<string, Array<number>>()
  readonly isUnique: boolean

  constructor(table: Table<TableType.Any>, columns: ReadonlyArray<string>) {
    this.columns = columns
    const values = columns.map((name) => table.column(name))
    let isUnique = true
    for (let row = 0; row < table.numRows; row++) {
      const key = keyOf(values.map((column) => column[row]))
      if (key === undefined) continue
      const known = this.#rows.get(key)
      if (known === undefined) this.#rows.set(key, [row])
      else {
        known.push(row)
        isUnique = false
      }
    }
    this.isUnique = isUnique
  }

  readonly find = (values: ReadonlyArray<unknown>): ReadonlyArray<number> => {
    const key = keyOf(values)
    return key === undefined ? [] : this.#rows.get(key) ?? []
  }
}

/** Length-prefixed, so that no two lists of values have the same. */
const keyOf = (values: ReadonlyArray<unknown>): string | undefined => {
  let key = ""
  for (const value of values) {
    if (value === null || value === undefined) return undefined
    const text = String(value)
    key += `${text.length}:${text}`
  }
  return key
}

/**
 * The columns by which rows of a table are found in one that it was computed from: of the ids that both have, the first
 * that is unique there, else all of them together. Undefined when they share none.
 */
export const joinIndex = (
  shared: ReadonlyArray<string>,
  indexOf: (columns: ReadonlyArray<string>) => RowIndex
): RowIndex | undefined => {
  if (shared.length === 0) return undefined
  for (const name of shared) {
    const index = indexOf([name])
    if (index.isUnique || shared.length === 1) return index
  }
  return indexOf(shared)
}
