/** Taking something out of a store that other processes are using. */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { changedAt, type StoredItem } from "./StoreContents.ts"
import { errorCode, type StoreError } from "./StoreError.ts"
import * as Files from "./StoreFiles.ts"

/**
 * Removes an item, unless somebody wants it: it is first moved aside, where nobody finds it any more; then `isWanted` is
 * asked, and whether it was found to be stored already since it was listed. If so it is put back. What is stored while it is
 * aside is kept as well.
 *
 * @returns whether it was removed.
 */
export const removeStored = <E>(
  root: string,
  item: StoredItem,
  isWanted: Effect.Effect<boolean, E>
): Effect.Effect<boolean, E | StoreError> =>
  Effect.acquireUseRelease(
    Files.attempt("remove an artifact", item.paths[0] ?? root, () => moveAside(root, item)),
    ({ moved }) =>
      Effect.gen(function*() {
        const used = yield* Files.attempt("remove an artifact", root, () => changedAt(moved.map(({ aside }) => aside)))
        return used <= item.usedAt && !(yield* isWanted)
      }),
    ({ folder, moved }, exit) =>
      Files.attempt("remove an artifact", folder, async () => {
        if (exit._tag === "Failure" || !exit.value) await putBack(moved)
        await fs.rm(folder, { recursive: true, force: true })
      })
  )

interface Moved {
  readonly from: string
  readonly aside: string
}

const moveAside = async (root: string, { paths }: StoredItem) => {
  const folder = path.join(root, "tmp", `${process.pid}-${randomUUID()}`)
  await fs.mkdir(folder, { recursive: true })
  const moved: Array<Moved> = []
  for (const from of paths) {
    const aside = path.join(folder, path.basename(from))
    if (await renamed(from, aside)) moved.push({ from, aside })
  }
  return { folder, moved }
}

/** In the opposite order, so that what makes the item be there comes last. */
const putBack = async (moved: ReadonlyArray<Moved>) => {
  for (const { aside, from } of moved.toReversed()) await renamed(aside, from)
}

/** False where there is nothing to move, or something stands in the place already: that is as good. */
const renamed = async (from: string, to: string): Promise<boolean> => {
  try {
    await fs.rename(from, to)
    return true
  } catch (error) {
    if (["ENOENT", "ENOTEMPTY", "EEXIST"].includes(errorCode(error) ?? "")) return false
    throw error
  }
}
