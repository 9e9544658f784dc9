/** A table as a Parquet file. Loads parquet-wasm, the Rust Arrow project's writer as WebAssembly: only on use. */
import * as Arrow from "apache-arrow"
import type { Table } from "./Table.ts"
import type * as TableType from "./TableType.ts"

/** WebAssembly addresses 4 GiB, in which the table is held twice while it is written. */
export const mostParquetBytes = 2 ** 30

/** The bytes of a Parquet file with the table's rows, compressed with Zstandard; nested columns as Parquet has them. */
export const parquetBytes = async (table: Table<TableType.Any>): Promise<Uint8Array> => {
  const parquet = await import("parquet-wasm")
  const properties = new parquet.WriterPropertiesBuilder()
    .setCompression(parquet.Compression.ZSTD)
    .setCreatedBy("gemflow")
    .build()
  return parquet.writeParquet(parquet.Table.fromIPCStream(Arrow.tableToIPC(table.arrow, "stream")), properties)
}
