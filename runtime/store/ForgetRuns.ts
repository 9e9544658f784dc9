/**
 * What of a catalog is kept, and forgetting the rest. Kept are the newest runs of each pipeline, pinned runs and runs that
 * are going on; every action that one of them computed or took, with the partitions that it consists of; and every action
 * younger than a grace period, whose run may not have noted yet that it uses it.
 */
import type { DatabaseSync, SQLInputValue } from "node:sqlite"
import { mayBeRunning } from "./LiveRuns.ts"

export interface Retention {
  /** How many of the newest runs of each pipeline to keep. */
  readonly keepRuns: number
  /** Milliseconds since 1970. */
  readonly now: number
  /** Actions and artifacts from the last this many milliseconds are kept whatever refers to them. */
  readonly grace: number
}

/** A run that goes, and what is left. */
export interface Forgotten {
  readonly runs: ReadonlyArray<{ readonly run: string; readonly pipeline: string; readonly started_at: number }>
  readonly keptRuns: number
  readonly pinned: number
  readonly running: number
  readonly actions: number
  /** Digests of the artifacts that what is kept refers to. */
  readonly artifacts: ReadonlySet<string>
  /** Only what was stored or last wanted before this time may go: milliseconds since 1970. */
  readonly before: number
}

/** Clocks of several machines, and of a disk over a network, agree within this many milliseconds. */
const clockSkew = 5 * 60 * 1000

/** Forgets what is not kept. To be called within a transaction; undo that to see only what would go. */
export const forgetRuns = (database: DatabaseSync, { grace, keepRuns, now }: Retention): Forgotten => {
  const rows = (sql: string, ...values: Array<SQLInputValue>) => database.prepare(sql).all(...values)
  const count = (sql: string) => Number(database.prepare(sql).get()?.["count"] ?? 0)
  const texts = (sql: string, column: string) =>
    rows(sql).map((row) => row[column]).filter((value) => typeof value === "string")

  const running = rows("SELECT run, host, pid, started_at FROM runs WHERE status = 'running'")
    .map((row) => ({
      run: String(row["run"]),
      host: String(row["host"]),
      pid: Number(row["pid"]),
      started_at: Number(row["started_at"])
    }))
    .filter((run) => mayBeRunning(run, now))

  database.exec("CREATE TEMP TABLE kept_runs (run TEXT PRIMARY KEY)")
  database.prepare(
    `INSERT OR IGNORE INTO kept_runs
     SELECT run FROM (
       SELECT run, row_number() OVER (PARTITION BY pipeline ORDER BY started_at DESC, rowid DESC) AS age FROM runs
     ) WHERE age <= ?`
  ).run(keepRuns)
  database.exec("INSERT OR IGNORE INTO kept_runs SELECT run FROM pins JOIN runs USING (run)")
  const keep = database.prepare("INSERT OR IGNORE INTO kept_runs VALUES (?)")
  running.forEach(({ run }) => keep.run(run))

  database.exec("CREATE TEMP TABLE kept_keys (key_digest TEXT PRIMARY KEY)")
  database.prepare(
    `INSERT OR IGNORE INTO kept_keys
     SELECT key_digest FROM executions JOIN kept_runs USING (run) WHERE key_digest IS NOT NULL
     UNION SELECT key_digest FROM actions JOIN kept_runs USING (run)
     UNION SELECT key_digest FROM actions WHERE created_at > ?`
  ).run(now - grace)
  database.exec(
    "INSERT OR IGNORE INTO kept_keys SELECT partition_key FROM partitions JOIN kept_keys USING (key_digest)"
  )

  const runs = rows(
    "SELECT run, pipeline, started_at FROM runs WHERE run NOT IN (SELECT run FROM kept_runs) ORDER BY started_at"
  ).map((row) => ({
    run: String(row["run"]),
    pipeline: String(row["pipeline"]),
    started_at: Number(row["started_at"])
  }))
  const actions = count(
    "SELECT count(*) AS count FROM actions WHERE key_digest NOT IN (SELECT key_digest FROM kept_keys)"
  )
  for (const table of ["executions", "execution_inputs", "runs", "pins"]) {
    database.exec(`DELETE FROM ${table} WHERE run NOT IN (SELECT run FROM kept_runs)`)
  }
  for (const table of ["actions", "latest_keys", "partitions", "derivations"]) {
    database.exec(`DELETE FROM ${table} WHERE key_digest NOT IN (SELECT key_digest FROM kept_keys)`)
  }
  const forgotten = {
    runs,
    keptRuns: count("SELECT count(*) AS count FROM runs"),
    pinned: count("SELECT count(*) AS count FROM pins"),
    running: running.length,
    actions,
    artifacts: new Set(texts(referencedArtifacts, "artifact")),
    before: Math.min(now - grace, ...running.map(({ started_at }) => started_at - clockSkew))
  }
  database.exec("DROP TABLE kept_runs; DROP TABLE kept_keys")
  return forgotten
}

/** Every artifact that a catalog's rows refer to. */
export const referencedArtifacts = `
  SELECT output AS artifact FROM actions
  UNION SELECT output FROM executions WHERE output IS NOT NULL
  UNION SELECT artifact FROM execution_inputs
  UNION SELECT output FROM partitions`

/** A row when some row of the catalog refers to the artifact ?1. */
export const referenceTo = `
  SELECT 1 AS found FROM actions WHERE output = ?1 UNION ALL SELECT 1 FROM executions WHERE output = ?1
  UNION ALL SELECT 1 FROM execution_inputs WHERE artifact = ?1 UNION ALL SELECT 1 FROM partitions WHERE output = ?1
  LIMIT 1`
