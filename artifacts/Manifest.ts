/**
 * The manifest of an artifact: what is stored of it beside its bytes. An artifact's digest is the digest of its
 * manifest, so a manifest proves itself and names everything that it vouches for.
 */
import * as Schema from "effect/Schema"

const Digest = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** Of a table: its name, schema, size and the digest of each column. */
export const TableManifest = Schema.Struct({
  format: Schema.Literal("gemflow/table/1"),
  table: Schema.String,
  numRows: Count,
  columns: Schema.Array(Schema.Struct({ name: Schema.String, type: Schema.String, digest: Digest })),
  /** Digests of the stored directories that rows refer to (columns of kind digest), sorted. */
  directories: Schema.Array(Digest)
})
export type TableManifest = typeof TableManifest.Type

/** A table's Arrow file as it was written, which is not part of its identity. */
export const TableFile = Schema.Struct({
  bytes: Count,
  /** SHA-256 of the bytes that are no column's: Arrow's own headers, footer and padding. */
  frame: Digest,
  /** A `TableLayout` as a text, which is read when a column is, and the text's SHA-256. */
  layout: Schema.String,
  layoutDigest: Digest
})
export type TableFile = typeof TableFile.Type

/** What lies beside a table's file: its manifest, and the file's description. */
export const StoredTable = Schema.Struct({ manifest: TableManifest, file: TableFile })
export type StoredTable = typeof StoredTable.Type

/** Of a directory: its files by path, sorted, `/` between folders. */
export const DirectoryManifest = Schema.Struct({
  format: Schema.Literal("gemflow/directory/1"),
  files: Schema.Array(Schema.Struct({ path: Schema.NonEmptyString, bytes: Count, sha256: Digest }))
})
export type DirectoryManifest = typeof DirectoryManifest.Type

export const tableManifest = (content: Omit<TableManifest, "format">): TableManifest => ({
  format: "gemflow/table/1",
  ...content
})

export const directoryManifest = (files: DirectoryManifest["files"]): DirectoryManifest => ({
  format: "gemflow/directory/1",
  files: files.toSorted((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0)
})
