/**
 * Which process works at which key, for all processes of a store:
 *
 *   runs/claims.sqlite    a row per key that somebody works at
 *   runs/<id>.lock        held by a run while it is there: what it claimed is void when its lock can be taken
 *
 * Claims last no longer than the processes that hold them, so none of this is ever flushed to the disk.
 */
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import { rmSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { makeFolder } from "../../artifacts/MakeFolder.ts"
import { tryLock } from "./FolderLock.ts"

/** A run that holds claims. */
export const ClaimOwner = Schema.Struct({
  owner: Schema.String,
  run: Schema.String,
  host: Schema.String,
  pid: Schema.Int
})
export type ClaimOwner = typeof ClaimOwner.Type

const HeldKey = Schema.Struct({ key_digest: Schema.String, ...ClaimOwner.fields })
const decodeOwners = Schema.decodeUnknownSync(Schema.Array(Schema.Struct({ owner: Schema.String })))
const decodeHeld = Schema.decodeUnknownSync(Schema.Array(HeldKey))

export interface ClaimTable {
  /**
   * Gives up the keys of `done` and then claims those of `wanted`, all in one transaction; says of each whether it is ours
   * now.
   */
  readonly change: (wanted: ReadonlyArray<string>, done: ReadonlyArray<string>) => ReadonlyArray<boolean>
  /** The keys that other runs work at. */
  readonly foreign: () => ReadonlyMap<string, ClaimOwner>
  /** Makes void what a run had claimed whose process has ended; false when it has not. */
  readonly takeOver: (owner: ClaimOwner) => boolean
  /** Gives up everything. */
  readonly close: () => void
}

/** Milliseconds to wait for another process's write. */
const busyTimeout = 10_000

const tables = `
  CREATE TABLE IF NOT EXISTS owners (owner TEXT PRIMARY KEY, run TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS claims (key_digest TEXT PRIMARY KEY, owner TEXT NOT NULL) STRICT, WITHOUT ROWID;
`

/** @throws what the file system or SQLite throws */
export const openClaimTable = (store: string, run: string): ClaimTable => {
  const folder = join(store, "runs")
  makeFolder(folder)
  const lockOf = (owner: string) => join(folder, `${owner}.lock`)
  const database = connect(join(folder, "claims.sqlite"))
  const { lock, self } = enter(database, run, lockOf)

  const claim = database.prepare("INSERT OR IGNORE INTO claims VALUES (?, ?)")
  const free = database.prepare("DELETE FROM claims WHERE key_digest = ? AND owner = ?")
  const freeAll = database.prepare("DELETE FROM claims WHERE owner = ?")
  const forget = database.prepare("DELETE FROM owners WHERE owner = ?")
  const held = database.prepare("SELECT * FROM claims JOIN owners USING (owner) WHERE owner <> ?")
  const begin = database.prepare("BEGIN IMMEDIATE")
  const commit = database.prepare("COMMIT")

  const transaction = <A>(write: () => A): A => {
    begin.run()
    try {
      const result = write()
      commit.run()
      return result
    } catch (error) {
      database.exec("ROLLBACK")
      throw error
    }
  }

  const leave = (owner: string) =>
    transaction(() => {
      freeAll.run(owner)
      forget.run(owner)
    })

  const takeOver = ({ owner }: Pick<ClaimOwner, "owner">): boolean => {
    const theirs = tryLock(lockOf(owner))
    if (theirs === undefined) return false
    try {
      theirs.remove()
      leave(owner)
    } finally {
      theirs.release()
    }
    return true
  }
  // What runs left behind that were killed.
  for (const owner of decodeOwners(database.prepare("SELECT owner FROM owners WHERE owner <> ?").all(self))) {
    takeOver(owner)
  }

  return {
    change: (wanted, done) =>
      transaction(() => {
        for (const key of done) free.run(key, self)
        return wanted.map((key) => claim.run(key, self).changes === 1)
      }),
    foreign: () =>
      new Map(
        decodeHeld(held.all(self)).map(({ key_digest, ...owner }) => [key_digest, owner])
      ),
    takeOver,
    close: () => {
      try {
        lock.remove()
        leave(self)
      } finally {
        database.close()
        lock.release()
      }
    }
  }
}

/**
 * Becomes an owner. The row is there before the file of the lock, and after it: wherever a process is killed, the next run
 * finds its row, and by that its file.
 */
const enter = (database: DatabaseSync, run: string, lockOf: (owner: string) => string) => {
  const insert = database.prepare("INSERT OR IGNORE INTO owners VALUES (?, ?, ?, ?)")
  for (let attempt = 0; attempt < 100; attempt++) {
    const self = randomUUID()
    insert.run(self, run, hostname(), process.pid)
    const lock = tryLock(lockOf(self))
    // Another run took this one for dead before it held its lock: once more, under another name.
    if (lock === undefined) continue
    insert.run(self, run, hostname(), process.pid)
    return { lock, self }
  }
  throw new Error(`no lock could be had beside ${lockOf("")}`)
}

const connect = (file: string): DatabaseSync => {
  try {
    return prepared(file)
  } catch (error) {
    // After a loss of power the file may hold anything, and whoever held claims in it is gone.
    if (!(error instanceof Error && /not a database|malformed/i.test(error.message))) throw error
    for (const end of ["", "-wal", "-shm"]) rmSync(`${file}${end}`, { force: true })
    return prepared(file)
  }
}

const prepared = (file: string): DatabaseSync => {
  const database = new DatabaseSync(file, { timeout: busyTimeout })
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
    database.exec(tables)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}
