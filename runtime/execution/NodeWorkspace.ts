/**
 * Folders for the unfinished work of nodes, in the store:
 *
 *   partial/<key digest>/<n>/        the work of one execution
 *   partial/<key digest>/<n>.lock    held by the process that is at it
 *
 * An execution takes the first <n> that no process holds, with what was left there. Claims (Claims.ts) keep two processes from
 * being at one key, so that is 0 unless something went wrong; then neither writes into the other's folder. A node that
 * succeeds removes its folder, and those of its key that nobody holds. Folders of keys that never came again (the code
 * changed, the config changed) are removed when they have not been written to for `STALE_DAYS`, by the next execution in
 * that store that asks for a folder.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { errorCode, StoreError } from "../../artifacts/StoreError.ts"
import { type FolderLock, tryLock } from "./FolderLock.ts"

export const STALE_DAYS = 14

/** More processes at the same node than anybody starts. */
const MOST = 1000

/** The folder of one execution, taken when it is first asked for and let go when the scope closes. */
export const nodeWorkspace = Effect.fn("NodeWorkspace.open")(function*(store: string, keyDigest: string) {
  const root = path.join(store, "partial")
  const own = path.join(root, keyDigest)
  let held: (FolderLock & { readonly folder: string }) | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => held?.release()))

  const folder = attempt("make a folder for unfinished work", own, async () => {
    if (held === undefined) {
      held = await take(own)
      await removeStale(root, own)
    }
    return held.folder
  })
  /** To be called when the node has succeeded: there is nothing to continue any more. */
  const discard = attempt("remove unfinished work", own, async () => {
    if (held === undefined) return
    await removeHeld(held)
    held = undefined
    await removeFree(own)
  }).pipe(Effect.ignore)
  return { folder, discard }
})

const attempt = <A>(operation: string, place: string, work: () => Promise<A>) =>
  Effect.tryPromise({ try: work, catch: (cause) => new StoreError({ operation, path: place, cause }) })

const take = async (own: string) => {
  for (let n = 0; n < MOST; n++) {
    await fs.mkdir(own, { recursive: true })
    const lock = tryLock(path.join(own, `${n}.lock`))
    if (lock === undefined) continue
    const folder = path.join(own, String(n))
    try {
      await fs.mkdir(folder, { recursive: true })
    } catch (error) {
      lock.release()
      throw error
    }
    return { ...lock, folder }
  }
  throw new Error(`${MOST} processes execute this node`)
}

const removeHeld = async (held: FolderLock & { readonly folder: string }) => {
  try {
    await fs.rm(held.folder, { recursive: true, force: true })
    held.remove()
  } finally {
    held.release()
  }
}

/** Removes what no process holds of a key, and the key's folder if that leaves it empty. */
const removeFree = async (own: string, writtenBefore = Infinity) => {
  for (const name of await fs.readdir(own)) {
    const n = /^(\d+)\.lock$/.exec(name)?.[1]
    if (n === undefined) continue
    const folder = path.join(own, n)
    if (writtenBefore !== Infinity && await lastWritten(folder) >= writtenBefore) continue
    const lock = tryLock(path.join(own, name))
    if (lock !== undefined) await removeHeld({ ...lock, folder })
  }
  await fs.rmdir(own).catch((error: unknown) => {
    if (errorCode(error) !== "ENOTEMPTY" && errorCode(error) !== "EEXIST" && errorCode(error) !== "ENOENT") throw error
  })
}

const removeStale = async (root: string, except: string) => {
  const before = Date.now() - STALE_DAYS * 24 * 60 * 60 * 1000
  for (const name of await fs.readdir(root)) {
    const own = path.join(root, name)
    // Another process may be removing it too.
    if (own !== except) await removeFree(own, before).catch(() => undefined)
  }
}

/** When anything in a folder was last written, in milliseconds since 1970. */
const lastWritten = async (folder: string): Promise<number> => {
  const names = await fs.readdir(folder, { recursive: true }).catch(() => [])
  const times = await Promise.all(
    [".", ...names].map((name) => fs.stat(path.join(folder, name)).then(({ mtimeMs }) => mtimeMs, () => 0))
  )
  return Math.max(...times)
}

/** The folders of keys at which nobody works, and to which nothing was written since a time, in milliseconds since 1970. */
export const unfinishedWork = (store: string, writtenBefore: number) =>
  attempt("list unfinished work", path.join(store, "partial"), async () => {
    const root = path.join(store, "partial")
    const stale: Array<string> = []
    for (const name of await fs.readdir(root).catch(() => [])) {
      const own = path.join(root, name)
      if (await lastWritten(own) < writtenBefore) stale.push(own)
    }
    return stale
  })

/** Removes what nobody is at of a key's folder and has not been written to since a time. */
export const removeUnfinished = (folder: string, writtenBefore: number) =>
  attempt("remove unfinished work", folder, () => removeFree(folder, writtenBefore))
