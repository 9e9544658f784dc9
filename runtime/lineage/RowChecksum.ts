/**
 * A checksum in every row of the catalog, so that a row that the disk altered is an error when it is read and never an
 * answer. SQLite itself finds a page that it cannot parse, not a digit that became another.
 */
import { crc32 } from "node:zlib"

/** The column that holds it. Null in rows that were written before there were checksums. */
export const checksumColumn = "checksum"

/** The tables of the catalog that have it. */
const checked: ReadonlySet<string> = new Set([
  "runs",
  "executions",
  "execution_inputs",
  "actions",
  "derivations",
  "partitions",
  "latest_keys",
  "memos"
])

export const hasChecksum = (table: string): boolean => checked.has(table)

/**
 * CRC-32 of a row's columns, in any order. A column without a value does not enter, so that one which a later release adds
 * may be null in the rows from before.
 */
export const rowChecksum = (row: Readonly<Record<string, unknown>>): number => {
  let checksum = 0
  for (const column in row) {
    const value = row[column]
    if (value === null || value === undefined || column === checksumColumn) continue
    // The name is the start value, so that a value in another column gives something else.
    checksum ^= crc32(typeof value === "string" ? value : `${typeof value} ${String(value)}`, crc32(column))
  }
  return checksum >>> 0
}

/** A row was altered after it was written. */
export class AlteredRow extends Error {
  constructor() {
    super("a row was altered after it was written: the file is damaged")
    this.name = "AlteredRow"
  }
}

/** Passes on a row with all its columns as read. */
export const intact = (row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  const checksum = row[checksumColumn] ?? null
  if (checksum !== null && checksum !== rowChecksum(row)) throw new AlteredRow()
  return row
}
