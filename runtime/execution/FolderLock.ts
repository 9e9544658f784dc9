/** A lock between processes that ends with the process that holds it, however that ends. */
import { rmSync, statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"

export interface FolderLock {
  /** Removes the lock's file, while it is still held. */
  readonly remove: () => void
  readonly release: () => void
}

/**
 * Takes the lock of a file, which is made where it is not there; undefined when another process, or another part of this
 * one, holds it.
 *
 * SQLite's exclusive lock is the operating system's, which frees it when a process is killed. A file with a process id would
 * not do: in containers the next process often has the id of the last.
 */
export const tryLock = (file: string): FolderLock | undefined => {
  const database = new DatabaseSync(file, { timeout: 0 })
  const opened = inode(file)
  try {
    // Nothing is ever written, so there is nothing to journal.
    database.exec("PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE")
  } catch (error) {
    database.close()
    if (error instanceof Error && /locked|busy/i.test(error.message)) return undefined
    throw error
  }
  // Whoever held it may have removed the file meanwhile: then this is the lock of nothing.
  if (opened === undefined || inode(file) !== opened) {
    database.close()
    return undefined
  }
  return {
    remove: () => rmSync(file, { force: true }),
    release: () => database.close()
  }
}

const inode = (file: string): bigint | undefined => statSync(file, { bigint: true, throwIfNoEntry: false })?.ino
