/** A store for work whose results are only looked at: it reads from another store, and writes to a folder of its own. */
import * as Effect from "effect/Effect"
import type { ArtifactStore } from "./ArtifactStore.ts"
import { makeStore } from "./MakeStore.ts"

/**
 * What is stored here is not in `base`, and what is in `base` can be read here. `root` is that of `base`, for caches beside
 * the artifacts.
 *
 * @param folder a folder that the caller removes
 */
export const scratchStore = (base: ArtifactStore["Service"], folder: string): ArtifactStore["Service"] => {
  const own = makeStore(folder, base.has)
  const either = <A, E extends { readonly _tag: string }>(
    first: Effect.Effect<A, E>,
    second: Effect.Effect<A, E>
  ): Effect.Effect<A, E> =>
    Effect.catch(first, (error) => error._tag === "ArtifactAbsent" ? second : Effect.fail(error))
  return {
    ...own,
    root: base.root,
    prepare: base.prepare,
    get: (type, digest) => either(base.get(type, digest), own.get(type, digest)),
    open: (digest, columns) => either(base.open(digest, columns), own.open(digest, columns)),
    describe: (digest) => either(base.describe(digest), own.describe(digest)),
    directoryPath: (digest) => either(base.directoryPath(digest), own.directoryPath(digest)),
    has: (digest) => Effect.flatMap(base.has(digest), (has) => has ? Effect.succeed(true) : own.has(digest)),
    verify: (digest) => Effect.flatMap(base.has(digest), (has) => has ? base.verify(digest) : own.verify(digest))
  }
}
