/**
 * Directories that are made of others (weights in another type), found again by what they were made of:
 * `derived/aa/<digest of the key>.json` names the stored directory. They can be made again at any time, so one that is
 * torn or altered is made anew and a file here that cannot be read is as good as none.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { canonicalJson, digestJson, type Json } from "./CanonicalJson.ts"
import { directoryStore } from "./DirectoryStore.ts"
import { readManifest } from "./StoredManifest.ts"
import * as Files from "./StoreFiles.ts"

const Derived = Schema.Struct({
  format: Schema.Literal("gemflow/derived/1"),
  key: Schema.Unknown,
  directory: Schema.String
})

/** The key and the directory of an entry; undefined where it cannot be read. */
export const readDerived = (root: string, digest: string) =>
  Effect.map(
    readManifest(Derived, entryPath(root, digest), (content) => content.key, digest),
    (found) => found === "damaged" ? undefined : found
  )

const entryPath = (root: string, digest: string): string =>
  path.join(root, "derived", digest.slice(0, 2), `${digest}.json`)

/** One at a time in a process: making is bound by the disk, and who waits for the same directory then finds it. */
const making = Semaphore.makeUnsafe(1)

/**
 * Where the directory of a key is in a store; made when it is not there.
 *
 * @param key everything that the content depends on.
 * @param make fills an empty folder; what it wrote is stored by renaming, not copied.
 */
export const derivedDirectory = Effect.fn("ArtifactStore.derivedDirectory")(function*<E>(
  root: string,
  key: Json,
  make: (folder: string) => Effect.Effect<void, E>
) {
  const directories = directoryStore(root)
  const digest = digestJson(key)
  const entry = entryPath(root, digest)
  const known = Effect.gen(function*() {
    const found = yield* readManifest(Derived, entry, (content) => content.key, digest)
    if (found === undefined || found === "damaged" || !(yield* directories.has(found.directory))) return undefined
    // A store that may only be read serves as well.
    yield* Effect.ignore(Files.touch(entry))
    return Files.directoryPath(root, found.directory)
  })
  return yield* making.withPermits(1)(Effect.gen(function*() {
    const found = yield* known
    if (found !== undefined) return found
    return yield* Files.withTemporary(root, (folder) =>
      Effect.gen(function*() {
        yield* Files.attempt("write to the artifact store", folder, () => fs.mkdir(folder))
        yield* make(folder)
        const directory = yield* directories.adopt(folder)
        yield* Files.writeWhole(root, entry, canonicalJson({ format: "gemflow/derived/1", key, directory }))
        return Files.directoryPath(root, directory)
      }))
  }))
})
