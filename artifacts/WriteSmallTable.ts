/**
 * Writes small tables, of which a pipeline may make very many: with as few calls as can be, at once, and without waiting for the
 * disk. A killed process loses nothing by that. After a loss of power a file may be torn; that is found when it is read, by
 * its digests, and then the table is absent and computed again (docs/decisions/0021).
 */
import { randomUUID } from "node:crypto"
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { writeArrowFile } from "./ArrowFileWriter.ts"
import { canonicalJson } from "./CanonicalJson.ts"
import type { StoredTable, TableFile, TableManifest } from "./Manifest.ts"
import { errorCode } from "./StoreError.ts"
import type { Table } from "./Table.ts"
import type * as TableType from "./TableType.ts"

/** Tables of more bytes are worth waiting for. */
const smallBytes = 2 ** 20

export const isSmall = <T extends TableType.Any>({ arrow }: Table<T>): boolean =>
  arrow.batches.reduce((bytes, { data }) => bytes + data.byteLength, 0) <= smallBytes

/** Writes a table and its manifest and moves both into place; undefined when there is something in that place. */
export const writeSmallTable = async <T extends TableType.Any>(
  root: string,
  object: string,
  manifest: TableManifest,
  table: Table<T>
): Promise<TableFile | undefined> => {
  const pieces: Array<Uint8Array> = []
  const file = await writeArrowFile({
    writeFile: (bytes) => {
      pieces.push(bytes)
      return Promise.resolve()
    }
  }, table)
  const temporary = path.join(root, "tmp", `${process.pid}-${randomUUID()}`)
  withParent(temporary, () => mkdirSync(temporary))
  try {
    writeFileSync(path.join(temporary, "table.arrow"), pieces.length === 1 && pieces[0] || Buffer.concat(pieces))
    writeFileSync(path.join(temporary, "manifest.json"), canonicalJson({ manifest, file } satisfies StoredTable))
    withParent(object, () => renameSync(temporary, object))
    return file
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    const code = errorCode(error)
    // Linux and macOS say ENOTEMPTY or EEXIST, Windows EPERM.
    if (code === "ENOTEMPTY" || code === "EEXIST" || (code === "EPERM" && existsSync(object))) return undefined
    throw error
  }
}

/** Makes the folder in which something is to be, where it is not there. */
const withParent = (target: string, make: () => void): void => {
  try {
    make()
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error
    mkdirSync(path.dirname(target), { recursive: true })
    make()
  }
}
