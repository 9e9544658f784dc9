/**
 * Notes in the catalog a run that repeats an earlier one in which every node would be cached now, with the rows that the
 * executor would write (those of its nodes by `Repetitions`). Plain SQL on node:sqlite: the catalog's service would load effect.
 */
import { statSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { DatabaseSync, type SQLInputValue } from "node:sqlite"
import { newRunId } from "../execution/RunId.ts"
import { noteRepeatedRun } from "../lineage/Repetitions.ts"
import { checksumColumn, intact, rowChecksum } from "../lineage/RowChecksum.ts"
import { type Certificate, objectFolder, objectsDigest } from "./Certificate.ts"

export interface Repetition {
  readonly run: string
  /** Per node, in the order of the certificate. */
  readonly nodes: ReadonlyArray<{ readonly key: string; readonly output: string; readonly rows: number }>
  /** The memo of the table that is shown at the end, as JSON. */
  readonly shown: string | undefined
}

/** Milliseconds to wait for another process's write, as the catalog's service does. */
const busyTimeout = 10_000

/** The repetition as noted; a sentence when the catalog or the store no longer bears it out, and nothing is noted. */
export const noteRepetition = (store: string, certificate: Certificate, startedAt: number): Repetition | string => {
  const path = join(store, "catalog.sqlite")
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return "the store has no catalog"
  const database = new DatabaseSync(path)
  database.exec(
    `PRAGMA busy_timeout = ${busyTimeout}; PRAGMA synchronous = NORMAL; PRAGMA cell_size_check = ON; PRAGMA recursive_triggers = ON`
  )
  database.exec("BEGIN IMMEDIATE")
  try {
    const noted = note(database, store, certificate, startedAt)
    database.exec(typeof noted === "string" ? "ROLLBACK" : "COMMIT")
    return noted
  } catch (error) {
    database.exec("ROLLBACK")
    throw error
  } finally {
    database.close()
  }
}

/** A node as the earlier run has it, beside what the catalog says now. */
interface Known {
  readonly node: unknown
  readonly kind: unknown
  readonly key: string
  readonly output: string
  readonly rows: number
  /** Of the output's file. */
  readonly bytes: unknown
  /** Whether the key still gives that output. */
  readonly same: unknown
  /** Whether the key is the last that the node had. */
  readonly latest: unknown
}

const note = (
  database: DatabaseSync,
  store: string,
  certificate: Certificate,
  startedAt: number
): Repetition | string => {
  const { catalogVersion, objects, result, started } = certificate
  if (database.prepare("PRAGMA user_version").get()?.["user_version"] !== catalogVersion) {
    return "the catalog is of another version"
  }
  const known = knownNodes(database, certificate)
  const nodes: Array<Known> = []
  for (const { kind, node } of started.nodes) {
    const found = known.get(node)
    if (found === undefined || found.kind !== kind || found.same !== 1) {
      return `the catalog says something else of ${node}`
    }
    nodes.push(found)
  }
  if (known.size !== nodes.length) return "the catalog knows more nodes"
  const outputs = nodes.map(({ output }) => output)
  const lost = lostOutput(store, nodes)
  if (lost !== undefined) return `artifact ${lost} is missing or damaged`
  if (objectsDigest(store, outputs) !== objects) return "an artifact's manifest has changed"
  const shown = result === null ? undefined : memo(database, "result", result)
  if (result !== null && shown === undefined) return "the resulting table has to be read"

  const run = newRunId(startedAt)
  insert(database, "runs", {
    run,
    pipeline: started.pipeline,
    file: started.file,
    settings: JSON.stringify(certificate.settings),
    host: hostname(),
    pid: process.pid,
    started_at: startedAt,
    finished_at: Date.now(),
    status: "succeeded",
    executed: 0,
    cached: nodes.length,
    failed: 0
  })
  noteRepeatedRun(database, run, certificate.run)
  for (const { key, latest, node } of nodes) {
    if (latest !== 1) {
      insert(database, "latest_keys", { pipeline: started.pipeline, node: String(node), key_digest: key })
    }
  }
  return { run, nodes, shown }
}

const knownNodes = (database: DatabaseSync, { run, started }: Certificate): ReadonlyMap<unknown, Known> => {
  const rows = database.prepare(
    `SELECT e.node, e.kind, e.key_digest AS key, e.output, e.row_count AS rows, a.bytes,
       a.output = e.output AND a.row_count = e.row_count AS same, l.key_digest = e.key_digest AS latest
     FROM executions AS e
     JOIN actions AS a ON a.key_digest = e.key_digest
     LEFT JOIN latest_keys AS l ON l.pipeline = ? AND l.node = e.node
     WHERE e.run = ?`
  ).all(started.pipeline, run)
  const known = new Map<unknown, Known>()
  for (const { bytes, key, kind, latest, node, output, rows: count, same } of rows) {
    if (typeof key !== "string" || typeof output !== "string" || typeof count !== "number") continue
    known.set(node, { node, kind, key, output, rows: count, bytes, same, latest })
  }
  return known
}

/** The first output whose file is not of the size that was written. */
const lostOutput = (store: string, nodes: ReadonlyArray<Known>): string | undefined => {
  const seen = new Set<string>()
  for (const { bytes, output } of nodes) {
    if (seen.has(output)) continue
    seen.add(output)
    if (statSync(`${objectFolder(store, output)}/table.arrow`, { throwIfNoEntry: false })?.size !== bytes) return output
  }
  return undefined
}

const insert = (database: DatabaseSync, table: string, values: Readonly<Record<string, unknown>>) => {
  const row = { ...values, [checksumColumn]: rowChecksum(values) }
  const columns = Object.keys(row)
  database.prepare(
    `INSERT OR REPLACE INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`
  ).run(...Object.values(row).map(sqlValue))
}

const sqlValue = (value: unknown): SQLInputValue =>
  typeof value === "string" || typeof value === "number" || typeof value === "bigint" ? value : null

const memo = (database: DatabaseSync, kind: string, name: string): string | undefined => {
  const row = database.prepare("SELECT * FROM memos WHERE kind = ? AND name = ?").get(kind, name)
  const value = row === undefined ? undefined : intact(row)["value"]
  return typeof value === "string" ? value : undefined
}
