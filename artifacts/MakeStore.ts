/** The artifact store's operations, from those of its two kinds of artifact. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs/promises"
import type { ArtifactStore } from "./ArtifactStore.ts"
import { directoryStore } from "./DirectoryStore.ts"
import { StoreError } from "./StoreError.ts"
import * as Files from "./StoreFiles.ts"
import type { Table } from "./Table.ts"
import { tableStore } from "./TableStore.ts"
import type * as TableType from "./TableType.ts"

/**
 * The store in a directory.
 *
 * @param elsewhere whether a directory that rows refer to is stored in another place from which the reader gets it
 */
export const makeStore = (
  root: string,
  elsewhere: (digest: string) => Effect.Effect<boolean, StoreError> = () => Effect.succeed(false)
): ArtifactStore["Service"] => {
  const tables = tableStore(root)
  const directories = directoryStore(root)

  const prepare = Effect.suspend(() =>
    Files.withTemporary(
      root,
      (temporary) => Files.attempt("write to the artifact store", root, () => fs.writeFile(temporary, ""))
    )
  )

  const put = Effect.fn("ArtifactStore.put")(function*<T extends TableType.Any>(table: Table<T>) {
    const { digestTable } = yield* Effect.promise(() => import("./Digest.ts"))
    const { digest, manifest } = digestTable(table)
    for (const directory of manifest.directories) {
      if (!(yield* directories.has(directory)) && !(yield* elsewhere(directory))) {
        const cause = new Error(
          `a row refers to directory ${directory}, which is not stored; the node has to put it there first`
        )
        return yield* new StoreError({ operation: `store a table of type ${table.type.name}`, path: root, cause })
      }
    }
    for (const directory of manifest.directories) yield* directories.touch(directory)
    // Who cleans up the store may have taken it away in the moment before it was touched.
    for (let attempt = 0; attempt < 3; attempt++) {
      if (!(yield* tables.touch(digest)) || !(yield* tables.verify(digest))) {
        const written = yield* tables.write(digest, manifest, table)
        if (written !== undefined) return written
      }
      const stored = yield* Effect.catchTag(tables.describe(digest), "ArtifactAbsent", () => Effect.undefined)
      if (stored !== undefined) return stored
    }
    const cause = new Error("it is not there after it was written")
    return yield* new StoreError({ operation: "write an artifact", path: tables.path(digest), cause })
  })

  const has = Effect.fn("ArtifactStore.has")(function*(digest: string) {
    const table = yield* Effect.catchTag(tables.describe(digest), "ArtifactAbsent", () => Effect.void)
    if (table === undefined) return yield* directories.has(digest)
    for (const directory of table.directories) {
      if (!(yield* directories.has(directory))) return false
    }
    return true
  })

  const verify = Effect.fn("ArtifactStore.verify")(function*(digest: string) {
    return (yield* tables.verify(digest)) || (yield* directories.verify(digest))
  })

  return {
    root,
    prepare,
    put,
    get: tables.get,
    open: tables.open,
    describe: tables.describe,
    path: tables.path,
    has,
    verify,
    putDirectory: directories.put,
    directoryPath: directories.path
  }
}
