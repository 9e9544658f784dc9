/**
 * The store's files on disk: where they are, and how they are written so that no reader ever sees half of one.
 *
 *   objects/aa/<digest>/             a table: `table.arrow`, an Arrow IPC file, and `manifest.json`; renamed into place whole
 *   directories/aa/<digest>/         a directory, renamed into place whole
 *   directories/aa/<digest>.json     its manifest, written last: the directory is stored once this is there
 *   tmp/                             files being written
 *   quarantine/                      what was found torn or altered, kept for a look
 */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import { existsSync, utimesSync } from "node:fs"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { errorCode, StoreError } from "./StoreError.ts"

export const objectPath = (root: string, digest: string): string =>
  path.join(root, "objects", digest.slice(0, 2), digest)

export const directoryPath = (root: string, digest: string): string =>
  path.join(root, "directories", digest.slice(0, 2), digest)

/** File system work as an Effect that says what was being done when it failed. */
export const attempt = <A>(
  operation: string,
  path: string,
  work: () => Promise<A>
): Effect.Effect<A, StoreError> =>
  Effect.tryPromise({ try: work, catch: (cause) => new StoreError({ operation, path, cause }) })

/** Like `attempt`, with undefined where there is no such file. */
export const attemptExisting = <A>(
  operation: string,
  path: string,
  work: () => Promise<A>
): Effect.Effect<A | undefined, StoreError> =>
  attempt(operation, path, async () => {
    try {
      return await work()
    } catch (error) {
      if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined
      throw error
    }
  })

/** Runs `use` with the path of a temporary file or directory of this process, removed afterwards if still there. */
export const withTemporary = <A, E>(
  root: string,
  use: (temporary: string) => Effect.Effect<A, E>
): Effect.Effect<A, E | StoreError> =>
  Effect.acquireUseRelease(
    attempt("write to the artifact store", root, async () => {
      await fs.mkdir(path.join(root, "tmp"), { recursive: true })
      return path.join(root, "tmp", `${process.pid}-${randomUUID()}`)
    }),
    use,
    (temporary) =>
      // What cannot be removed now is swept when it is a day old.
      attempt("remove a temporary file", temporary, () => fs.rm(temporary, { recursive: true, force: true }))
        .pipe(Effect.ignore)
  )

/** Writes a new file and flushes it. What is small need not be: see WriteSmallTable.ts. */
export const writeFlushed = async <A>(file: string, write: (handle: fs.FileHandle) => Promise<A>): Promise<A> => {
  const handle = await fs.open(file, "wx")
  try {
    const result = await write(handle)
    await handle.sync()
    return result
  } finally {
    await handle.close()
  }
}

/** Writes a file whole or not at all: to a temporary file, flushed, then renamed into its place. */
export const writeWhole = (root: string, target: string, text: string): Effect.Effect<void, StoreError> =>
  withTemporary(root, (temporary) =>
    attempt("write an artifact", target, async () => {
      await writeFlushed(temporary, (handle) => handle.writeFile(text))
      await fs.mkdir(path.dirname(target), { recursive: true })
      await fs.rename(temporary, target)
    }))

/** Renames a directory into its place; false when there is one already, which stays. */
export const moveDirectory = async (from: string, target: string): Promise<boolean> => {
  await fs.mkdir(path.dirname(target), { recursive: true })
  try {
    await fs.rename(from, target)
    return true
  } catch (error) {
    const code = errorCode(error)
    // Linux and macOS say ENOTEMPTY or EEXIST, Windows EPERM.
    if (code === "ENOTEMPTY" || code === "EEXIST" || (code === "EPERM" && await exists(target))) return false
    throw error
  }
}

const exists = (file: string): Promise<boolean> => fs.stat(file).then(() => true, () => false)

/**
 * Takes what is not what its name says out of the way. Two processes may find it at once: whoever comes second finds
 * nothing to move. A store that cannot be written keeps it, and it goes on being reported as absent.
 */
export const quarantine = (root: string, files: ReadonlyArray<string>): Effect.Effect<void> =>
  attempt("quarantine an artifact", root, async () => {
    const folder = path.join(root, "quarantine")
    await fs.mkdir(folder, { recursive: true })
    for (const file of files) {
      await fs.rename(file, path.join(folder, `${randomUUID()}-${path.basename(file)}`)).catch((error: unknown) => {
        if (errorCode(error) !== "ENOENT") throw error
      })
    }
  }).pipe(Effect.ignore)

/**
 * Notes that something stored is wanted now, by the time of its last change. Who cleans up the store spares what was stored
 * or noted so a short while ago, as the row of the catalog that refers to it may still be on its way. Says whether it is
 * there.
 */
export const touch = (file: string): Effect.Effect<boolean, StoreError> =>
  Effect.try({
    try: () => {
      // Most often it is not there, and an exception costs more than a look.
      if (!existsSync(file)) return false
      const now = new Date()
      try {
        utimesSync(file, now, now)
        return true
      } catch (error) {
        if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return false
        throw error
      }
    },
    catch: (cause) => new StoreError({ operation: "write to the artifact store", path: file, cause })
  })

/** A file's bytes in one buffer of its own, also past the 2 GiB that `readFile` takes. */
export const readWhole = async (file: string): Promise<Buffer> => {
  const handle = await fs.open(file, "r")
  try {
    const { size } = await handle.stat()
    const buffer = Buffer.from(new ArrayBuffer(size))
    let done = 0
    while (done < size) {
      const { bytesRead } = await handle.read(buffer, done, Math.min(size - done, 2 ** 30), done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return buffer.subarray(0, done)
  } finally {
    await handle.close()
  }
}

/** Removes temporary files that a killed process left behind more than a day ago. */
export const sweepTemporary = (root: string): Effect.Effect<void> =>
  attempt("sweep temporary files", root, async () => {
    const folder = path.join(root, "tmp")
    const day = 24 * 60 * 60 * 1000
    for (const name of await fs.readdir(folder)) {
      const file = path.join(folder, name)
      const { mtimeMs } = await fs.stat(file)
      if (Date.now() - mtimeMs > day) await fs.rm(file, { recursive: true, force: true })
    }
  }).pipe(Effect.ignore)
