/** Columns of a stored table, checked against their digests. Loads Arrow. */
import * as Effect from "effect/Effect"
import { readFileSync, statSync } from "node:fs"
import * as fs from "node:fs/promises"
import { BadLayout, hashFrame, readColumns, type Source, sourceOf } from "./ArrowFileReader.ts"
import { digestColumn } from "./Digest.ts"
import type { TableManifest } from "./Manifest.ts"
import { columnsOf } from "./StoredColumn.ts"
import { Table } from "./Table.ts"
import type { TableLayout } from "./TableLayout.ts"
import * as TableType from "./TableType.ts"

/** The named columns of a table's file; "altered" when one that is not `known` has not the content of its digest. */
export const readTable = async (
  file: string,
  manifest: TableManifest,
  layout: TableLayout,
  names: ReadonlyArray<string>,
  known: ReadonlySet<string>
): Promise<Table<TableType.Any> | "altered"> => {
  const type = TableType.pick(TableType.make(manifest.table, columnsOf(layout.columns)), ...names)
  const batches = await withSource(file, (source) => readColumns(source, layout, type.columns, names))
  if (batches === undefined) return "altered"
  // Bytes are checked for what they may hold at all before anything is read from them.
  const table = Effect.runSync(
    Effect.catchTag(Table.fromChunks(type, batches), "TableMismatch", () => Effect.undefined)
  )
  if (table === undefined || (names.length > 0 && table.numRows !== manifest.numRows)) return "altered"
  const isRight = names.every((name) => {
    const column = type.columns[name]
    const expected = manifest.columns.find((column) => column.name === name)?.digest
    return known.has(name) || (column !== undefined && digestColumn(column, table.chunks(name)) === expected)
  })
  return isRight ? table : "altered"
}

/** Digest of the bytes of a table's file that are no column's; undefined when the file is not as described. */
export const frameOf = (file: string, layout: TableLayout, bytes: number): Promise<string | undefined> =>
  withFile(file, (handle) => hashFrame(handle, layout, bytes))

/** Going to another thread for a small file takes longer than reading it. */
const smallBytes = 2 ** 16

const withSource = async <A>(file: string, use: (source: Source) => Promise<A>): Promise<A | undefined> => {
  if (statSync(file).size > smallBytes) return await withFile(file, use)
  try {
    return await use(sourceOf(readFileSync(file)))
  } catch (error) {
    if (error instanceof BadLayout) return undefined
    throw error
  }
}

const withFile = async <A>(file: string, use: (handle: fs.FileHandle) => Promise<A>): Promise<A | undefined> => {
  const handle = await fs.open(file, "r")
  try {
    return await use(handle)
  } catch (error) {
    if (error instanceof BadLayout) return undefined
    throw error
  } finally {
    await handle.close()
  }
}
