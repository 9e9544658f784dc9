/**
 * Cuts the rows of a mapped node's input into partitions, where runtime/pipeline/PartitionCut.ts says. The rows come whole
 * or in pieces, as an upstream mapped node makes them: the partitions are the same. Loads Arrow.
 */
import * as Effect from "effect/Effect"
import type { Table } from "../../artifacts/Table.ts"
import type { TableMismatch } from "../../artifacts/TableMismatch.ts"
import { concatenate, takeRows } from "../../artifacts/TableRows.ts"
import type * as TableType from "../../artifacts/TableType.ts"
import type { Mapped } from "../pipeline/Mapped.ts"
import { partitionCut } from "../pipeline/PartitionCut.ts"

/** The partitions of a whole table. The rows of a group are brought together where they stand apart, at its first row. */
export const partitionsOf = <T extends TableType.Any>(
  table: Table<T>,
  { by, groups }: Mapped
): Effect.Effect<ReadonlyArray<Table<T>>, TableMismatch> => {
  const ends = partitionCut(groups)
  const partitions: Array<Array<number>> = [[]]
  for (const [key, indices] of Map.groupBy(table.arrow.numRows === 0 ? [] : rowNumbers(table), groupKeys(table, by))) {
    for (const index of indices) partitions.at(-1)?.push(index)
    if (ends(key)) partitions.push([])
  }
  return Effect.forEach(partitions.filter((indices) => indices.length > 0), (indices) => takeRows(table, indices))
}

/** Partitions of a table that comes in pieces. */
export interface Partitioner<T extends TableType.Any> {
  /**
   * Takes the next piece and gives the partitions that are now complete; undefined when rows of one group stand apart, so
   * that the partitions are known from the whole table only. Nothing may be added after that.
   */
  readonly add: (piece: Table<T>) => Effect.Effect<ReadonlyArray<Table<T>> | undefined, TableMismatch>
  /** The last partition, if there is one, when all pieces were added. */
  readonly end: Effect.Effect<ReadonlyArray<Table<T>>, TableMismatch>
}

export const partitioner = <T extends TableType.Any>(type: T, { by, groups }: Mapped): Partitioner<T> => {
  const ends = partitionCut(groups)
  const seen = new Set<string>()
  let group: string | undefined
  /** What the partition has that is not complete yet. */
  let open: Array<Table<T>> = []

  const add = Effect.fnUntraced(function*(piece: Table<T>) {
    const keyOf = groupKeys(piece, by)
    const complete: Array<Table<T>> = []
    let from = 0
    for (let index = 0; index < piece.numRows; index++) {
      const key = keyOf(index)
      if (key === group) continue
      if (seen.has(key)) return undefined
      seen.add(key)
      if (group !== undefined && ends(group)) {
        if (index > from) open.push(yield* takeRows(piece, range(from, index)))
        complete.push(yield* concatenate(type, open))
        open = []
        from = index
      }
      group = key
    }
    if (piece.numRows > from) open.push(yield* takeRows(piece, range(from, piece.numRows)))
    return complete
  })

  const end = Effect.suspend(() =>
    open.length === 0 ? Effect.succeed([]) : Effect.map(concatenate(type, open), (last) => [last])
  )
  return { add, end }
}

/** The key of each row's group: its values of the columns that make a group. */
const groupKeys = <T extends TableType.Any>(table: Table<T>, by: ReadonlyArray<string>): (row: number) => string => {
  const columns = by.map((name): ReadonlyArray<unknown> => table.column(name))
  return (row) => JSON.stringify(columns.map((values) => values[row]))
}

const rowNumbers = (table: Table<TableType.Any>): ReadonlyArray<number> => range(0, table.numRows)

const range = (from: number, to: number): ReadonlyArray<number> => Array.from({ length: to - from }, (_, i) => from + i)
