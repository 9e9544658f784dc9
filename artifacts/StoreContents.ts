/** What lies in a store, found by looking at its folders: for those who clean up, check or copy it. */
import type * as Effect from "effect/Effect"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { isDigest } from "./StoredManifest.ts"
import type { StoreError } from "./StoreError.ts"
import { errorCode } from "./StoreError.ts"
import * as Files from "./StoreFiles.ts"

/** A table, a directory, or an entry of `derived/`. */
export interface StoredItem {
  readonly digest: string
  /** Its files and folders, in the order in which to remove them: what makes it be there comes first. */
  readonly paths: ReadonlyArray<string>
  /** When it was stored or last found to be stored already, in milliseconds since 1970. */
  readonly usedAt: number
}

/** The tables, whole or not. */
export const storedTables = (root: string): Effect.Effect<ReadonlyArray<StoredItem>, StoreError> =>
  list(path.join(root, "objects"), (folder, name) => ({ digest: name, paths: [path.join(folder, name)] }))

/** The directories, whole or not. */
export const storedDirectories = (root: string): Effect.Effect<ReadonlyArray<StoredItem>, StoreError> =>
  list(path.join(root, "directories"), (folder, name) => {
    const digest = name.replace(/\.json$/, "")
    return { digest, paths: [`${path.join(folder, digest)}.json`, path.join(folder, digest)] }
  })

/** The entries of `derived/`: names of directories that can be made again. */
export const derivedEntries = (root: string): Effect.Effect<ReadonlyArray<StoredItem>, StoreError> =>
  list(path.join(root, "derived"), (folder, name) => ({
    digest: name.replace(/\.json$/, ""),
    paths: [path.join(folder, name)]
  }))

/** The files and folders directly in a folder of the store, such as `quarantine`. */
export const itemsIn = (root: string, name: string): Effect.Effect<ReadonlyArray<StoredItem>, StoreError> =>
  Files.attempt("list the store", path.join(root, name), async () => {
    const items: Array<StoredItem> = []
    for (const entry of await entriesOf(path.join(root, name))) {
      const place = path.join(root, name, entry)
      items.push({ digest: entry, paths: [place], usedAt: await changedAt([place]) })
    }
    return items
  })

/** The bytes of files and folders with all that is in them. */
export const bytesOf = (paths: ReadonlyArray<string>): Effect.Effect<number, StoreError> =>
  Files.attempt("list the store", paths[0] ?? "", async () => {
    let bytes = 0
    for (const place of paths) bytes += await bytesAt(place)
    return bytes
  })

/** When any of the paths was last changed; 0 where none is there. */
export const changedAt = async (paths: ReadonlyArray<string>): Promise<number> => {
  let latest = 0
  for (const place of paths) {
    const stat = await existing(() => fs.lstat(place))
    latest = Math.max(latest, stat?.mtimeMs ?? 0)
  }
  return latest
}

const list = (
  folder: string,
  item: (folder: string, name: string) => Omit<StoredItem, "usedAt">
): Effect.Effect<ReadonlyArray<StoredItem>, StoreError> =>
  Files.attempt("list the store", folder, async () => {
    const items = new Map<string, StoredItem>()
    for (const shard of await entriesOf(folder)) {
      for (const name of await entriesOf(path.join(folder, shard))) {
        const found = item(path.join(folder, shard), name)
        if (!isDigest(found.digest) || !found.digest.startsWith(shard) || items.has(found.digest)) continue
        items.set(found.digest, { ...found, usedAt: await changedAt(found.paths) })
      }
    }
    return [...items.values()]
  })

const entriesOf = async (folder: string): Promise<ReadonlyArray<string>> =>
  await existing(() => fs.readdir(folder)) ?? []

const bytesAt = async (place: string): Promise<number> => {
  const stat = await existing(() => fs.lstat(place))
  if (stat === undefined) return 0
  if (!stat.isDirectory()) return stat.size
  let bytes = 0
  for (const name of await entriesOf(place)) bytes += await bytesAt(path.join(place, name))
  return bytes
}

/** Undefined where a path is gone, which other processes may see to at any time, or is not a folder. */
const existing = async <A>(look: () => Promise<A>): Promise<A | undefined> => {
  try {
    return await look()
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined
    throw error
  }
}
