/** The tables of a store: `objects/aa/<digest>/table.arrow` with `manifest.json` beside it. Loads Arrow when it must. */
import type * as Arrow from "apache-arrow"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import type { ArtifactRef } from "./ArtifactStore.ts"
import { canonicalJson } from "./CanonicalJson.ts"
import { StoredTable, type TableManifest } from "./Manifest.ts"
import { readManifest } from "./StoredManifest.ts"
import { ArtifactAbsent, type StoreError } from "./StoreError.ts"
import * as Files from "./StoreFiles.ts"
import type { Table } from "./Table.ts"
import type * as TableType from "./TableType.ts"

/** What changes when a file is written again. */
const stamp = (file: string) =>
  Files.attemptExisting("read an artifact", file, async () => {
    const { ino, mtimeMs, size } = await fs.stat(file)
    return { size, text: `${ino} ${size} ${mtimeMs}` }
  })

export const tableStore = (root: string) => {
  const tablePath = (digest: string) => path.join(Files.objectPath(root, digest), "table.arrow")
  const quarantine = (digest: string) => Files.quarantine(root, [Files.objectPath(root, digest)])
  const absent = (digest: string, reason: string) => new ArtifactAbsent({ digest, path: tablePath(digest), reason })

  // Files whose bytes this process has checked, by their stamp, so that each is hashed once.
  const checked = new Map<string, string>()

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
    const { file, manifest } = yield* locate(digest)
    const columns = Object.fromEntries(manifest.columns.map(({ name, digest }) => [name, digest]))
    const { directories, numRows, table } = manifest
    return { digest, table, columns, numRows, bytes: file.bytes, directories } satisfies ArtifactRef
  })

  const open = Effect.fn("ArtifactStore.open")(function*(
    digest: string
  ): Effect.fn.Return<Table<TableType.Any>, ArtifactAbsent | StoreError> {
    const { file } = yield* locate(digest)
    const { parseArrowFile } = yield* Effect.promise(() => import("./ArrowFile.ts"))
    const before = yield* stamp(tablePath(digest))
    const bytes = yield* Files.attemptExisting(
      "read an artifact",
      tablePath(digest),
      () => Files.readWhole(tablePath(digest))
    )
    if (bytes === undefined || before === undefined) return yield* absent(digest, "its file is gone")
    if (checked.get(digest) !== before.text && createHash("sha256").update(bytes).digest("hex") !== file.sha256) {
      // Another process may have found the same and put a good one in its place: that one must stay.
      const now = yield* stamp(tablePath(digest))
      if (now?.text !== before.text) return yield* open(digest)
      yield* quarantine(digest)
      return yield* absent(digest, "it was altered, and is in quarantine now")
    }
    // Bytes as this program wrote them that do not parse are a defect of the program.
    const table = yield* Effect.orDie(parseArrowFile(bytes))
    checked.set(digest, before.text)
    return table
  })

  /** Whether the file's bytes are those written, and the content in them that of the digest. */
  const verify = (digest: string): Effect.Effect<boolean, StoreError> =>
    Effect.gen(function*() {
      checked.delete(digest)
      const table = yield* Effect.catchTag(open(digest), "ArtifactAbsent", () => Effect.void)
      if (table === undefined) return false
      const { digestTable } = yield* Effect.promise(() => import("./Digest.ts"))
      if (digestTable(table).digest === digest) return true
      yield* quarantine(digest)
      return false
    })

  /** Writes a table that is not there. If another process does so meanwhile, its table stays. */
  const write = (
    digest: string,
    manifest: TableManifest,
    arrow: Arrow.Table
  ): Effect.Effect<void, StoreError> =>
    Effect.gen(function*() {
      const { writeArrowFile } = yield* Effect.promise(() => import("./ArrowFile.ts"))
      const object = Files.objectPath(root, digest)
      yield* Files.withTemporary(root, (temporary) =>
        Effect.gen(function*() {
          const move = Files.attempt("write an artifact", object, () => Files.moveDirectory(temporary, object))
          yield* Files.attempt("write an artifact", object, async () => {
            await fs.mkdir(temporary)
            const file = await Files.writeFlushed(
              path.join(temporary, "table.arrow"),
              (handle) => writeArrowFile(handle, arrow)
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

  return { path: tablePath, describe, open, verify, write }
}
