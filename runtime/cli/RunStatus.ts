/** What became of a run: as recorded, except that a run whose process is gone cannot be running. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { tryLock } from "../execution/FolderLock.ts"
import type { RunRow, RunStatus } from "../lineage/CatalogRows.ts"
import { mayBeRunning } from "../store/LiveRuns.ts"

export const statusOf = (store: string, row: RunRow, now: number): RunStatus | "killed" =>
  row.status === "running" && (!mayBeRunning(row, now) || hasLostItsLock(store, row.run)) ? "killed" : row.status

/**
 * Whether a run that claimed keys no longer holds its lock, which the operating system frees with the process. A run that
 * has claimed nothing yet has no lock; of that only the process id tells, which another process may have by now.
 */
const hasLostItsLock = (store: string, run: string): boolean => {
  const claims = join(store, "runs", "claims.sqlite")
  if (!existsSync(claims)) return false
  const database = new DatabaseSync(claims, { readOnly: true })
  try {
    const owners = database.prepare("SELECT owner FROM owners WHERE run = ?").all(run)
    return owners.length > 0 && owners.every(({ owner }) => isFree(join(store, "runs", `${String(owner)}.lock`)))
  } finally {
    database.close()
  }
}

const isFree = (file: string): boolean => {
  if (!existsSync(file)) return true
  const lock = tryLock(file)
  lock?.release()
  return lock !== undefined
}
