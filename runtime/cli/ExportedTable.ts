/** The rows of a stored table, as files for other programs. */
import * as Effect from "effect/Effect"
import { closeSync, copyFileSync, openSync, renameSync, rmSync, writeSync } from "node:fs"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import type { Table } from "../../artifacts/Table.ts"
import type * as TableType from "../../artifacts/TableType.ts"

export const tableFormats = ["arrow", "parquet", "csv", "jsonl"] as const
export type TableFormat = (typeof tableFormats)[number]

export const isTableFormat = (text: string | undefined): text is TableFormat =>
  tableFormats.some((format) => format === text)

/** The format that a file's name says. */
export const formatOf = (file: string): TableFormat | undefined =>
  tableFormats.find((format) => file.endsWith(`.${format}`))

/** Writes a stored table to a new file, whole or not at all. */
export const writeTable = Effect.fnUntraced(function*<E>(
  digest: string,
  format: TableFormat,
  destination: string,
  refuse: (problem: string, remedy: string) => E
) {
  const store = yield* ArtifactStore
  const table = yield* store.open(digest)
  const pieces = yield* piecesOf(table, format, refuse)
  const partial = `${destination}.${process.pid}.partial`
  yield* Effect.try({
    try: () => {
      if (pieces === "as stored") copyFileSync(store.path(digest), partial)
      else writePieces(partial, pieces)
      renameSync(partial, destination)
    },
    catch: (cause) => refuse(String(cause), "Choose a place that can be written.")
  }).pipe(Effect.ensuring(Effect.sync(() => rmSync(partial, { force: true }))))
})

const piecesOf = Effect.fnUntraced(
  function*<E>(
    table: Table<TableType.Any>,
    format: TableFormat,
    refuse: (problem: string, remedy: string) => E
  ): Effect.fn.Return<Iterable<string | Uint8Array> | "as stored", E> {
    switch (format) {
      // All of its columns were checked when it was opened.
      case "arrow":
        return "as stored"
      case "csv":
      case "jsonl": {
        const { csv, jsonLines } = yield* Effect.promise(() => import("../../artifacts/TableText.ts"))
        return format === "csv" ? csv(table) : jsonLines(table)
      }
      case "parquet": {
        const { mostParquetBytes, parquetBytes } = yield* Effect.promise(() =>
          import("../../artifacts/ParquetBytes.ts")
        )
        const bytes = table.arrow.data.reduce((sum, { byteLength }) => sum + byteLength, 0)
        if (bytes > mostParquetBytes) {
          return yield* Effect.fail(
            refuse("it has more than 1 GiB, which the Parquet writer cannot hold", "Use --format arrow.")
          )
        }
        const written = yield* Effect.tryPromise({
          try: () => parquetBytes(table),
          catch: (cause) => refuse(`the Parquet writer failed (${String(cause)})`, "Use --format arrow.")
        })
        return [written]
      }
    }
  }
)

const writePieces = (file: string, pieces: Iterable<string | Uint8Array>): void => {
  const handle = openSync(file, "wx")
  try {
    for (const piece of pieces) {
      const bytes = typeof piece === "string" ? Buffer.from(piece) : piece
      for (let done = 0; done < bytes.length;) done += writeSync(handle, bytes, done)
    }
  } finally {
    closeSync(handle)
  }
}
