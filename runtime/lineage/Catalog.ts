/**
 * The run catalog: which runs there were, what became of each node in them, and what each key gave (the action cache).
 * One SQLite file in the store, safe for several processes at once. It is written after the artifacts it refers to, so a
 * killed process leaves at most artifacts that nothing refers to, never a row without its artifact.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync, type SQLInputValue } from "node:sqlite"
import { makeFolder } from "../../artifacts/MakeFolder.ts"
import { ActionRow, ExecutionRow, InputRow, PartitionRow, RunRow, type RunStatus } from "./CatalogRows.ts"
import { migrations } from "./CatalogSchema.ts"
import { hasRepetitions, writeOutRepetitions } from "./Repetitions.ts"
import { checksumColumn, hasChecksum, intact, rowChecksum } from "./RowChecksum.ts"

/** The catalog could not be read or written. */
export class CatalogError extends Schema.TaggedError<CatalogError>()("CatalogError", {
  path: Schema.String,
  operation: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    const reason = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `The run catalog ${this.path} could not be used to ${this.operation} (${reason}). ${
      remedy(reason, this.path)
    }`
  }
}

const remedy = (reason: string, path: string): string =>
  /readonly|read-only|permission|EACCES|EPERM|EROFS|unable to open|ENOTDIR|EEXIST|ENOENT/i.test(reason)
    ? "Check that this directory can be written, or name another store with --store."
    : /locked|busy/i.test(reason)
    ? "Another gemflow process holds it; wait for that to end and try again."
    : /not a database|malformed|corrupt|damaged/i.test(reason)
    ? setAside(path)
    : /full/i.test(reason)
    ? "Free some disk space and run again."
    : `Run again. If it stays: ${setAside(path)}`

const setAside = (path: string): string =>
  `Move the file away (mv ${path} ${path}.damaged, and so ${path}-wal and ${path}-shm where they are) and run again: `
  + "artifacts stay in the store, results are computed anew."

/** The end of a run, as counted by the executor. */
export interface RunEnd {
  readonly run: string
  readonly status: RunStatus
  readonly executed: number
  readonly cached: number
  readonly failed: number
  readonly finishedAt: number
}

/** A node's end, with everything that must become visible at once. */
export interface Record {
  readonly pipeline: string
  readonly execution: ExecutionRow
  readonly inputs: ReadonlyArray<Omit<InputRow, "run" | "node">>
  /** Present when the node was executed. */
  readonly action?: ActionRow
  /** Of a mapped node: what the action's output consists of. */
  readonly partitions?: ReadonlyArray<PartitionRow>
}

export interface Service {
  readonly path: string
  readonly startRun: (run: RunRow) => Effect.Effect<void, CatalogError>
  readonly finishRun: (end: RunEnd) => Effect.Effect<void, CatalogError>
  readonly record: (record: Record) => Effect.Effect<void, CatalogError>
  /** As `record`, of several nodes at once; and what keys of partitions gave, actions without an execution of a node. */
  readonly recordAll: (
    records: ReadonlyArray<Record>,
    partitionActions: ReadonlyArray<ActionRow>
  ) => Effect.Effect<void, CatalogError>
  /** Of which partition actions the output of a mapped node's action consists, in order; none of another node's. */
  readonly partitions: (keyDigest: string) => Effect.Effect<ReadonlyArray<PartitionRow>, CatalogError>
  /** What a key gave, if it was ever executed. */
  readonly action: (keyDigest: string) => Effect.Effect<ActionRow | undefined, CatalogError>
  /** The action of the key that a node instance had last. */
  readonly latest: (pipeline: string, node: string) => Effect.Effect<ActionRow | undefined, CatalogError>
  /** Runs, newest first. */
  readonly runs: (limit?: number) => Effect.Effect<ReadonlyArray<RunRow>, CatalogError>
  readonly run: (run: string) => Effect.Effect<RunRow | undefined, CatalogError>
  readonly executions: (run: string) => Effect.Effect<ReadonlyArray<ExecutionRow>, CatalogError>
  readonly inputs: (run: string) => Effect.Effect<ReadonlyArray<InputRow>, CatalogError>
  /** The actions behind a run's outputs; of a cached node, the one of the run that computed it. */
  readonly actions: (run: string) => Effect.Effect<ReadonlyArray<ActionRow>, CatalogError>
  /** The newest run of a pipeline in which the node had an output. */
  readonly latestRunOf: (pipeline: string, node: string) => Effect.Effect<RunRow | undefined, CatalogError>
  readonly memo: (kind: string, name: string) => Effect.Effect<unknown, CatalogError>
  readonly setMemo: (kind: string, name: string, value: unknown) => Effect.Effect<void, CatalogError>
  /** Rows of a question that has its SQL elsewhere. `operation` continues "could not be used to …". */
  readonly query: <S extends Schema.ConstraintDecoder<unknown>>(
    operation: string,
    schema: S,
    sql: string,
    ...values: ReadonlyArray<SQLInputValue>
  ) => Effect.Effect<ReadonlyArray<S["Type"]>, CatalogError>
}

/** Milliseconds to wait for another process's write. */
const busyTimeout = 10_000

export class Catalog extends Context.Service<Catalog, Service>()("gemflow/lineage/Catalog") {
  /** The catalog of a store, created if it is not there. */
  static readonly layer = (store: string): Layer.Layer<Catalog, CatalogError> =>
    Layer.effect(
      Catalog,
      open(catalogPath(store), (path) => {
        makeFolder(store)
        return path
      })
    )

  /** The catalog of a store for questions alone: where there is none yet, an empty one, and nothing is created. */
  static readonly layerReader = (store: string): Layer.Layer<Catalog, CatalogError> =>
    Layer.effect(Catalog, open(catalogPath(store), (path) => existsSync(path) ? path : ":memory:"))
}

/** Where a store keeps its catalog. */
export const catalogPath = (store: string): string => join(store, "catalog.sqlite")

const open = (path: string, locate: (path: string) => string) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => connect(locate(path)),
      catch: (cause) => new CatalogError({ path, operation: "open the store", cause })
    }),
    (database) => Effect.sync(() => database.close())
  ).pipe(Effect.map((database) => service(path, database)))

const connect = (location: string): DatabaseSync => {
  const database = new DatabaseSync(location)
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL`)
    // A page whose cells do not fit it is refused; a row that another replaces counts as deleted.
    database.exec("PRAGMA cell_size_check = ON; PRAGMA recursive_triggers = ON")
    migrate(database)
    if (hasRepetitions(database)) transaction(database, () => writeOutRepetitions(database))
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

const migrate = (database: DatabaseSync) => {
  const version = () =>
    Schema.decodeUnknownSync(UserVersion)(database.prepare("PRAGMA user_version").get()).user_version
  if (version() > migrations.length) {
    throw new Error(
      `it was written by a newer gemflow (catalog version ${version()}, this one knows ${migrations.length})`
    )
  }
  if (version() === migrations.length) return
  transaction(database, () => {
    // Read again under the lock: another process may have migrated meanwhile.
    migrations.slice(version()).forEach((sql) => database.exec(sql))
    database.exec(`PRAGMA user_version = ${migrations.length}`)
  })
}

const UserVersion = Schema.Struct({ user_version: Schema.Int })

const transaction = (database: DatabaseSync, write: () => void) => {
  database.exec("BEGIN IMMEDIATE")
  try {
    write()
    database.exec("COMMIT")
  } catch (error) {
    database.exec("ROLLBACK")
    throw error
  }
}

const service = (path: string, database: DatabaseSync): Service => {
  const attempt = <A>(operation: string, work: () => A) =>
    Effect.try({ try: work, catch: (cause) => new CatalogError({ path, operation, cause }) })

  const prepared = new Map<string, ReturnType<DatabaseSync["prepare"]>>()
  const statement = (sql: string) => {
    const known = prepared.get(sql)
    if (known !== undefined) return known
    const made = database.prepare(sql)
    prepared.set(sql, made)
    return made
  }

  const insert = (
    table: string,
    given: { readonly [column: string]: SQLInputValue },
    orElse: "" | "OR REPLACE" | "OR IGNORE" = ""
  ) => {
    const row = hasChecksum(table) ? { ...given, [checksumColumn]: rowChecksum(given) } : given
    const columns = Object.keys(row)
    statement(
      `INSERT ${orElse} INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`
    ).run(...Object.values(row))
  }

  const first = <S extends Schema.ConstraintDecoder<unknown>>(
    schema: S,
    sql: string,
    ...values: Array<SQLInputValue>
  ) => {
    const row = statement(sql).get(...values)
    return row === undefined ? undefined : Schema.decodeUnknownSync(schema)(intact(row))
  }

  const all = <S extends Schema.ConstraintDecoder<unknown>>(
    schema: S,
    sql: string,
    ...values: ReadonlyArray<SQLInputValue>
  ) => {
    const decode = Schema.decodeUnknownSync(schema)
    return statement(sql).all(...values).map((row): S["Type"] => decode(intact(row)))
  }

  const write = ({ action, execution, inputs, partitions = [], pipeline }: Record) => {
    if (action !== undefined) {
      insert("actions", encodeAction(action), "OR REPLACE")
      statement("DELETE FROM partitions WHERE key_digest = ?").run(action.key_digest)
      for (const partition of partitions) insert("partitions", { ...partition })
    }
    insert("executions", encodeExecution(execution), "OR REPLACE")
    const { key_digest, node, output, run } = execution
    for (const input of inputs) insert("execution_inputs", { run, node, ...input }, "OR REPLACE")
    if (key_digest !== null && output !== null) {
      insert("latest_keys", { pipeline, node, key_digest }, "OR REPLACE")
      for (const input of inputs) insert("derivations", { ...input, node, output, key_digest }, "OR IGNORE")
    }
  }

  return {
    path,
    startRun: (run) => attempt("note a new run", () => insert("runs", encodeRun(run))),
    finishRun: (end) =>
      attempt("note the end of a run", () => {
        const { cached, executed, failed, finishedAt, status } = end
        const run = first(RunRow, "SELECT * FROM runs WHERE run = ?", end.run)
        if (run === undefined) return
        const row = encodeRun({ ...run, finished_at: finishedAt, status, executed, cached, failed })
        statement(
          "UPDATE runs SET finished_at = ?, status = ?, executed = ?, cached = ?, failed = ?, checksum = ? WHERE run = ?"
        ).run(finishedAt, status, executed, cached, failed, rowChecksum(row), end.run)
      }),
    partitions: (keyDigest) =>
      attempt(
        "list the partitions of an action",
        () => all(PartitionRow, "SELECT * FROM partitions WHERE key_digest = ? ORDER BY position", keyDigest)
      ),
    record: (record) =>
      attempt(`note the end of node ${record.execution.node}`, () => transaction(database, () => write(record))),
    recordAll: (records, partitionActions) =>
      attempt(`note the end of ${records[0]?.execution.node ?? "a partition"}`, () =>
        transaction(database, () => {
          for (const action of partitionActions) insert("actions", encodeAction(action), "OR REPLACE")
          records.forEach(write)
        })),
    action: (keyDigest) =>
      attempt("look up a key", () => first(ActionRow, "SELECT * FROM actions WHERE key_digest = ?", keyDigest)),
    latest: (pipeline, node) =>
      attempt("look up a node's last key", () => {
        const last = first(LatestKey, "SELECT * FROM latest_keys WHERE pipeline = ? AND node = ?", pipeline, node)
        return last && first(ActionRow, "SELECT * FROM actions WHERE key_digest = ?", last.key_digest)
      }),
    runs: (limit = 1_000_000) =>
      attempt(
        "list the runs",
        () => all(RunRow, "SELECT * FROM runs ORDER BY started_at DESC, rowid DESC LIMIT ?", limit)
      ),
    run: (run) => attempt("look up a run", () => first(RunRow, "SELECT * FROM runs WHERE run = ?", run)),
    executions: (run) =>
      attempt(
        "list a run's nodes",
        () => all(ExecutionRow, "SELECT * FROM executions WHERE run = ? ORDER BY rowid", run)
      ),
    inputs: (run) =>
      attempt(
        "list a run's inputs",
        () => all(InputRow, "SELECT * FROM execution_inputs WHERE run = ? ORDER BY node, input, position", run)
      ),
    actions: (run) =>
      attempt("list a run's actions", () =>
        all(
          ActionRow,
          "SELECT * FROM actions WHERE key_digest IN (SELECT key_digest FROM executions WHERE run = ?)",
          run
        )),
    latestRunOf: (pipeline, node) =>
      attempt("look up a node's last run", () =>
        first(
          RunRow,
          `SELECT runs.* FROM runs JOIN executions USING (run)
           WHERE pipeline = ? AND node = ? AND output IS NOT NULL ORDER BY runs.started_at DESC, runs.rowid DESC LIMIT 1`,
          pipeline,
          node
        )),
    memo: (kind, name) =>
      attempt(
        "look up a memo",
        () => first(Memo, "SELECT * FROM memos WHERE kind = ? AND name = ?", kind, name)?.value
      ),
    setMemo: (kind, name, value) =>
      attempt("keep a memo", () => insert("memos", { kind, name, value: JSON.stringify(value) }, "OR REPLACE")),
    query: (operation, schema, sql, ...values) => attempt(operation, () => all(schema, sql, ...values))
  }
}

const LatestKey = Schema.Struct({ key_digest: Schema.String })
const Memo = Schema.Struct({ value: Schema.fromJsonString(Schema.Unknown) })
const encodeRun = Schema.encodeSync(RunRow)
const encodeExecution = Schema.encodeSync(ExecutionRow)
const encodeAction = Schema.encodeSync(ActionRow)
