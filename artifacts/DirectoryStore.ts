/** The directories of a store: `directories/aa/<digest>/` as they were given, with `<digest>.json` beside it. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { canonicalJson, digestJson } from "./CanonicalJson.ts"
import { hashDirectory } from "./DirectoryCopy.ts"
import { DirectoryManifest, directoryManifest } from "./Manifest.ts"
import { readManifest } from "./StoredManifest.ts"
import { ArtifactAbsent, type StoreError } from "./StoreError.ts"
import * as Files from "./StoreFiles.ts"

export const directoryStore = (root: string) => {
  const manifestPath = (digest: string) => `${Files.directoryPath(root, digest)}.json`
  const quarantine = (digest: string) =>
    // The manifest first: from then on the directory is absent.
    Files.quarantine(root, [manifestPath(digest), Files.directoryPath(root, digest)])

  /** Whether the directory's files, read to the last byte, are those of the digest. */
  const isWhole = (digest: string) =>
    Effect.map(
      Files.attemptExisting("read an artifact", Files.directoryPath(root, digest), () =>
        hashDirectory(Files.directoryPath(root, digest))),
      (files) =>
        files !== undefined && digestJson(directoryManifest(files)) === digest
    )

  const manifest = (digest: string): Effect.Effect<DirectoryManifest | undefined, StoreError> =>
    Effect.gen(function*() {
      const stored = yield* readManifest(DirectoryManifest, manifestPath(digest), (content) => content, digest)
      if (stored !== "damaged") return stored
      yield* quarantine(digest)
      return undefined
    })

  /** Whether the directory is stored and its files have the sizes that they were stored with. */
  const has = (digest: string): Effect.Effect<boolean, StoreError> =>
    Effect.gen(function*() {
      const stored = yield* manifest(digest)
      for (const file of stored?.files ?? []) {
        const place = path.join(Files.directoryPath(root, digest), file.path)
        const found = yield* Files.attemptExisting("read an artifact", place, () => fs.stat(place))
        if (found?.size !== file.bytes) return false
      }
      return stored !== undefined
    })

  const verify = (digest: string): Effect.Effect<boolean, StoreError> =>
    Effect.gen(function*() {
      if ((yield* manifest(digest)) === undefined) return false
      if (yield* isWhole(digest)) return true
      yield* quarantine(digest)
      return false
    })

  const touch = (digest: string) => Files.touch(manifestPath(digest))

  /** Moves a folder of the store's file system into its place, under the digest of its files. */
  const moveIn = Effect.fnUntraced(function*(temporary: string, files: DirectoryManifest["files"]) {
    const content = directoryManifest(files)
    const digest = digestJson(content)
    const target = Files.directoryPath(root, digest)
    yield* touch(digest)
    if (yield* verify(digest)) return digest
    const move = Files.attempt("write an artifact", target, () => Files.moveDirectory(temporary, target))
    if (!(yield* move) && !(yield* isWhole(digest))) {
      yield* quarantine(digest)
      yield* move
    }
    yield* Files.writeWhole(root, manifestPath(digest), canonicalJson(content))
    return digest
  })

  const put = Effect.fn("ArtifactStore.putDirectory")(function*(source: string) {
    return yield* Files.withTemporary(root, (temporary) =>
      Effect.gen(function*() {
        yield* Files.attempt("read a directory", source, () => fs.readdir(source))
        return yield* moveIn(
          temporary,
          yield* Files.attempt("copy a directory", source, () => hashDirectory(source, temporary))
        )
      }))
  })

  /** Stores a temporary folder of this store without copying it. */
  const adopt = Effect.fnUntraced(function*(temporary: string) {
    return yield* moveIn(temporary, yield* Files.attempt("read a directory", temporary, () => hashDirectory(temporary)))
  })

  const directoryPath = Effect.fn("ArtifactStore.directoryPath")(function*(digest: string) {
    const place = Files.directoryPath(root, digest)
    if (yield* has(digest)) return place
    return yield* new ArtifactAbsent({ digest, path: place, reason: "it was never stored, or not completely" })
  })

  return { has, verify, touch, put, adopt, path: directoryPath }
}
