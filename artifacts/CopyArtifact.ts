/** Taking artifacts over from another store, which is only read. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import type { ArtifactStore } from "./ArtifactStore.ts"
import { isDigest } from "./StoredManifest.ts"
import type { StoreError } from "./StoreError.ts"
import * as Files from "./StoreFiles.ts"
import { tableStore } from "./TableStore.ts"

/**
 * How a copy went: `present` it is here already, `copied` with so many bytes, `absent` the other store does not have it,
 * `damaged` what the other store has under that digest is something else.
 */
export type Copied =
  | { readonly outcome: "present" | "absent" | "damaged" }
  | { readonly outcome: "copied"; readonly bytes: number }

/** Copies a table and the directories that its rows refer to, verified before it is put in its place. */
export const copyTable = (
  from: string,
  to: ArtifactStore["Service"],
  digest: string
): Effect.Effect<Copied, StoreError> =>
  Effect.gen(function*(): Effect.fn.Return<Copied, StoreError> {
    if (!isDigest(digest)) return { outcome: "absent" }
    if (yield* to.has(digest)) return { outcome: "present" }
    return yield* Files.withTemporary(to.root, (temporary) =>
      Effect.gen(function*(): Effect.fn.Return<Copied, StoreError> {
        const source = Files.objectPath(from, digest)
        const aside = Files.objectPath(temporary, digest)
        const names = yield* Files.attemptExisting("read another store", source, () =>
          fs.readdir(source))
        if (names === undefined) return { outcome: "absent" }
        yield* Files.attempt("copy an artifact", aside, async () => {
          await fs.mkdir(aside, { recursive: true })
          for (const name of ["table.arrow", "manifest.json"]) {
            if (names.includes(name)) await copyFlushed(path.join(source, name), path.join(aside, name))
          }
        })
        // A store of its own, in which damage is found before anybody else sees the copy.
        const copy = tableStore(temporary)
        if (!(yield* copy.verify(digest))) return { outcome: "damaged" }
        const ref = yield* Effect.catchTag(copy.describe(digest), "ArtifactAbsent", () => Effect.undefined)
        let bytes = ref?.bytes ?? 0
        for (const directory of ref?.directories ?? []) {
          const copied = yield* copyDirectory(from, to, directory)
          if (copied.outcome === "absent" || copied.outcome === "damaged") return copied
          if (copied.outcome === "copied") bytes += copied.bytes
        }
        const place = Files.objectPath(to.root, digest)
        yield* Files.attempt("write an artifact", place, () => Files.moveDirectory(aside, place))
        return { outcome: "copied", bytes }
      }))
  })

/** Copies a directory; its digest is computed while it is copied. */
const copyDirectory = (
  from: string,
  to: ArtifactStore["Service"],
  digest: string
): Effect.Effect<Copied, StoreError> =>
  Effect.gen(function*(): Effect.fn.Return<Copied, StoreError> {
    if (yield* to.has(digest)) return { outcome: "present" }
    const source = Files.directoryPath(from, digest)
    const found = yield* Files.attemptExisting("read another store", source, () => fs.stat(source))
    if (found?.isDirectory() !== true) return { outcome: "absent" }
    if ((yield* to.putDirectory(source)) !== digest) return { outcome: "damaged" }
    const bytes = yield* Files.attempt("read another store", source, async () => {
      let bytes = 0
      for (const entry of await fs.readdir(source, { recursive: true })) {
        const stat = await fs.stat(path.join(source, entry))
        if (stat.isFile()) bytes += stat.size
      }
      return bytes
    })
    return { outcome: "copied", bytes }
  })

const copyFlushed = async (from: string, to: string): Promise<void> => {
  await fs.copyFile(from, to, fs.constants.COPYFILE_FICLONE)
  const handle = await fs.open(to, "r+")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
