/** Tables as Arrow IPC files: uncompressed, buffers aligned, so that any Arrow library can map and use them in place. */
import * as Arrow from "apache-arrow"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import type { FileHandle } from "node:fs/promises"
import { tableTypeOf } from "./ArrowSchema.ts"
import type { StoredTable } from "./Manifest.ts"
import { Table } from "./Table.ts"
import type { TableMismatch } from "./TableMismatch.ts"
import type * as TableType from "./TableType.ts"

/** Writes a table as an Arrow IPC file, a buffer at a time, and says what was written. */
export const writeArrowFile = async (handle: FileHandle, table: Arrow.Table): Promise<StoredTable["file"]> => {
  const hash = createHash("sha256")
  let bytes = 0
  for await (const chunk of Arrow.RecordBatchFileWriter.writeAll(table)) {
    if (chunk.byteLength === 0) continue
    hash.update(chunk)
    bytes += chunk.byteLength
    await handle.writeFile(chunk)
  }
  return { bytes, sha256: hash.digest("hex") }
}

/**
 * The table of an Arrow IPC file that `writeArrowFile` wrote, with all its columns, as views of the file's bytes. Arrow JS
 * may fail in any way on bytes that were altered, or not end: compare their hash first.
 */
export const parseArrowFile = (bytes: Uint8Array): Effect.Effect<Table<TableType.Any>, TableMismatch> =>
  Effect.suspend(() => {
    const arrow = Arrow.tableFromIPC(bytes)
    const type = tableTypeOf(arrow.schema)
    return type === undefined
      ? Effect.die(new Error("A stored table has columns that no table type has."))
      : Table.fromArrow(type, arrow)
  })
