/** The tables of a store: `objects/aa/<digest>/table.arrow` with `manifest.json` beside it. Loads Arrow when it must. */
import * as Effect from "effect/Effect"
import { statSync } from "node:fs"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import type { ArtifactRef } from "./ArtifactStore.ts"
import { canonicalJson } from "./CanonicalJson.ts"
import * as Column from "./Column.ts"
import { StoredTable, type TableManifest } from "./Manifest.ts"
import { columnsOf } from "./StoredColumn.ts"
import { readManifest } from "./StoredManifest.ts"
import { ArtifactAbsent, StoreError } from "./StoreError.ts"
import * as Files from "./StoreFiles.ts"
import type { Table } from "./Table.ts"
import { parseLayout, type TableLayout } from "./TableLayout.ts"
import type * as TableType from "./TableType.ts"

/** What changes when a file is written again. */
const stamp = (file: string) =>
  Effect.try({
    try: () => {
      const found = statSync(file, { throwIfNoEntry: false })
      return found && { size: found.size, text: `${found.ino} ${found.size} ${found.mtimeMs}` }
    },
    catch: (cause) => new StoreError({ operation: "read an artifact", path: file, cause })
  })

const storedTypes = (layout: TableLayout): ReadonlyArray<string> =>
  Object.entries(columnsOf(layout.columns)).map(([name, column]) => `${name} ${Column.render(column)}`)

const reference = (digest: string, { file, manifest }: StoredTable): ArtifactRef => {
  const columns = Object.fromEntries(manifest.columns.map(({ name, digest }) => [name, digest]))
  const { directories, numRows, table } = manifest
  return { digest, table, columns, numRows, bytes: file.bytes, directories }
}

export const tableStore = (root: string) => {
  const tablePath = (digest: string) => path.join(Files.objectPath(root, digest), "table.arrow")
  const quarantine = (digest: string) => Files.quarantine(root, [Files.objectPath(root, digest)])
  const absent = (digest: string, reason: string) => new ArtifactAbsent({ digest, path: tablePath(digest), reason })

  // Columns that this process has checked, by the stamp of the file they were read from, so that each is hashed once.
  const checked = new Map<string, { readonly stamp: string; readonly columns: Set<string> }>()
  const checkedColumns = (digest: string, stamp: string): Set<string> => {
    const known = checked.get(digest)
    if (known?.stamp === stamp) return known.columns
    const columns = new Set<string>()
    checked.set(digest, { stamp, columns })
    return columns
  }

  /** What is stored of a table, if its file has the size that was written. */
  const locate = (digest: string): Effect.Effect<StoredTable, ArtifactAbsent | StoreError> =>
    Effect.gen(function*() {
      const manifestFile = path.join(Files.objectPath(root, digest), "manifest.json")
      const stored = yield* readManifest(StoredTable, manifestFile, ({ manifest }) => manifest, digest)
      if (stored === undefined) return yield* absent(digest, "it was never stored")
      const found = stored === "damaged" ? undefined : yield* stamp(tablePath(digest))
      if (stored !== "damaged" && found?.size === stored.file.bytes) return stored
      yield* quarantine(digest)
      return yield* absent(digest, "it was torn, and is in quarantine now")
    })

  const describe = Effect.fn("ArtifactStore.describe")(function*(digest: string) {
    return reference(digest, yield* locate(digest))
  })

  /** The columns of a stored table, and where they are in its file. */
  const layoutOf = ({ file, manifest }: StoredTable): TableLayout | undefined => {
    const layout = parseLayout(file.layout, file.layoutDigest)
    if (layout === undefined) return undefined
    const types = storedTypes(layout)
    const isThat = types.length === manifest.columns.length
      && manifest.columns.every(({ name, type }, index) => types[index] === `${name} ${type}`)
    return isThat ? layout : undefined
  }

  /** Moves a table away, unless another process has found the same and put a good one in its place: that one must stay. */
  const replaced = (digest: string, stampBefore: string) =>
    Effect.gen(function*() {
      const now = yield* stamp(tablePath(digest))
      if (now !== undefined && now.text !== stampBefore) return true
      yield* quarantine(digest)
      return false
    })

  /** Reads the columns that `choose` takes, and checks each against its digest when this process first reads it. */
  const read = (
    digest: string,
    choose: (names: ReadonlyArray<string>) => ReadonlyArray<string>
  ): Effect.Effect<Table<TableType.Any>, ArtifactAbsent | StoreError> =>
    Effect.gen(function*() {
      const stored = yield* locate(digest)
      const layout = layoutOf(stored)
      const before = yield* stamp(tablePath(digest))
      if (before === undefined) return yield* absent(digest, "its file is gone")
      const again = Effect.suspend(() => read(digest, choose))
      const altered = Effect.suspend(() => absent(digest, "it was altered, and is in quarantine now"))
      if (layout === undefined) return (yield* replaced(digest, before.text)) ? yield* again : yield* altered
      const { readTable } = yield* Effect.promise(() => import("./ReadTable.ts"))
      const known = checkedColumns(digest, before.text)
      const names = choose(layout.columns.map(({ name }) => name))
      const table = yield* Files.attemptExisting(
        "read an artifact",
        tablePath(digest),
        () => readTable(tablePath(digest), stored.manifest, layout, names, known)
      )
      if (table === undefined) return yield* absent(digest, "its file is gone")
      if (table === "altered") return (yield* replaced(digest, before.text)) ? yield* again : yield* altered
      names.forEach((name) => known.add(name))
      return table
    })

  const open = Effect.fn("ArtifactStore.open")((digest: string, names?: ReadonlyArray<string>) =>
    read(digest, (stored) => names === undefined ? stored : stored.filter((name) => names.includes(name)))
  )

  const get = Effect.fn("ArtifactStore.get")(function*<T extends TableType.Any>(type: T, digest: string) {
    const table = yield* open(digest, Object.keys(type.columns))
    return yield* table.project(type)
  })

  /** Whether the whole file is as it was written, and its content that of the digest. */
  const verify = (digest: string): Effect.Effect<boolean, StoreError> =>
    Effect.gen(function*() {
      checked.delete(digest)
      const sound = yield* Effect.catchTag(
        Effect.gen(function*() {
          const stored = yield* locate(digest)
          const layout = layoutOf(stored)
          if (layout === undefined) return false
          for (const { name } of layout.columns) yield* open(digest, [name])
          const { frameOf } = yield* Effect.promise(() => import("./ReadTable.ts"))
          const file = tablePath(digest)
          const frame = yield* Files.attemptExisting("read an artifact", file, () =>
            frameOf(file, layout, stored.file.bytes))
          return frame === stored.file.frame
        }),
        "ArtifactAbsent",
        () =>
          Effect.undefined
      )
      if (sound === false) {
        yield* quarantine(digest)
      }
      return sound === true
    })

  /** Writes a table that is not there. Undefined when another process did so meanwhile: its table stays. */
  const write = <T extends TableType.Any>(
    digest: string,
    manifest: TableManifest,
    table: Table<T>
  ): Effect.Effect<ArtifactRef | undefined, StoreError> =>
    Effect.gen(function*() {
      const object = Files.objectPath(root, digest)
      const small = yield* Effect.promise(() => import("./WriteSmallTable.ts"))
      if (small.isSmall(table)) {
        const file = yield* Files.attempt(
          "write an artifact",
          object,
          () => small.writeSmallTable(root, object, manifest, table)
        )
        if (file !== undefined) return reference(digest, { manifest, file })
        if (!(yield* verify(digest))) yield* quarantine(digest)
        return undefined
      }
      yield* writeFlushed(object, digest, manifest, table)
      return undefined
    })

  const writeFlushed = <T extends TableType.Any>(
    object: string,
    digest: string,
    manifest: TableManifest,
    table: Table<T>
  ): Effect.Effect<void, StoreError> =>
    Effect.gen(function*() {
      const { writeArrowFile } = yield* Effect.promise(() => import("./ArrowFileWriter.ts"))
      yield* Files.withTemporary(root, (temporary) =>
        Effect.gen(function*() {
          const move = Files.attempt("write an artifact", object, () => Files.moveDirectory(temporary, object))
          yield* Files.attempt("write an artifact", object, async () => {
            await fs.mkdir(temporary)
            const file = await Files.writeFlushed(
              path.join(temporary, "table.arrow"),
              (handle) => writeArrowFile(handle, table)
            )
            const text = canonicalJson({ manifest, file } satisfies StoredTable)
            await Files.writeFlushed(path.join(temporary, "manifest.json"), (handle) => handle.writeFile(text))
          })
          if (yield* move) return
          // What is in the way is either another process's table or one that has lost its manifest.
          if (yield* verify(digest)) return
          yield* quarantine(digest)
          yield* move
        }))
    })

  const touch = (digest: string) => Files.touch(Files.objectPath(root, digest))

  return { path: tablePath, touch, describe, open, get, verify, write }
}
