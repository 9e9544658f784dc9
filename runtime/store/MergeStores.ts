/**
 * Takes over what another store has and this one does not: artifacts, verified on the way, then the results of keys and the
 * runs that refer to them. Nothing that is here is replaced, and the other store is only read. What was copied before an
 * interruption is not copied again.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { copyTable } from "../../artifacts/CopyArtifact.ts"
import { Catalog, CatalogError, catalogPath } from "../lineage/Catalog.ts"
import { catalogTransaction } from "./CatalogTransaction.ts"
import { storeLock } from "./CollectGarbage.ts"
import { referencedArtifacts } from "./ForgetRuns.ts"

/** There is no store where one was named. */
export class NotAStore extends Schema.TaggedError<NotAStore>()("NotAStore", {
  path: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.path} ${this.problem}. Name the folder of another store, such as ../other-project/.gemflow.`
  }
}

export interface MergeProgress {
  readonly done: number
  readonly total: number
  readonly bytes: number
}

export interface Merged {
  /** Artifacts that were copied, with the directories that they refer to. */
  readonly copied: number
  readonly bytes: number
  /** Artifacts that were here already. */
  readonly present: number
  /** Digests of artifacts that the other store's catalog refers to, and that are not there or not whole. */
  readonly absent: ReadonlyArray<string>
  readonly damaged: ReadonlyArray<string>
  /** Results of keys, and runs, that are new here. */
  readonly actions: number
  readonly runs: number
}

/** @param other the folder of the other store, or of the project that has it */
export const mergeStores = Effect.fn("MergeStores.mergeStores")(
  function*(other: string, onProgress: (progress: MergeProgress) => void = () => undefined) {
    const store = yield* ArtifactStore
    const from = yield* storeAt(other)
    if (resolve(from) === resolve(store.root)) {
      return yield* new NotAStore({ path: other, problem: "is the store to merge into" })
    }
    yield* storeLock(store.root)
    const snapshot = yield* snapshotOf(from)
    const artifacts = yield* Effect.gen(function*() {
      const catalog = yield* Catalog
      const Artifact = Schema.Struct({ artifact: Schema.String })
      return yield* catalog.query("list what another store has", Artifact, referencedArtifacts)
    }).pipe(Effect.provide(Layer.fresh(Catalog.layer(snapshot))))

    const absent: Array<string> = []
    const damaged: Array<string> = []
    let [copied, present, bytes] = [0, 0, 0]
    for (const [index, { artifact }] of artifacts.entries()) {
      const result = yield* copyTable(from, store, artifact)
      if (result.outcome === "absent") absent.push(artifact)
      if (result.outcome === "damaged") damaged.push(artifact)
      if (result.outcome === "present") present++
      if (result.outcome === "copied") {
        copied++
        bytes += result.bytes
      }
      onProgress({ done: index + 1, total: artifacts.length, bytes })
    }
    const rows = yield* takeRows(store.root, catalogPath(snapshot), [...absent, ...damaged])
    return { copied, bytes, present, absent, damaged, ...rows } satisfies Merged
  },
  Effect.scoped
)

const storeAt = (folder: string) => {
  const found = [folder, join(folder, ".gemflow")].find((candidate) => existsSync(catalogPath(candidate)))
  return found === undefined
    ? Effect.fail(new NotAStore({ path: folder, problem: "is not a store: it has no catalog.sqlite" }))
    : Effect.succeed(found)
}

/** A copy of a store's catalog as of now, so that bringing its tables up to date changes nothing in the other store. */
const snapshotOf = (from: string) =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-merge-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    yield* Effect.try({
      try: () => {
        const database = new DatabaseSync(catalogPath(from), { readOnly: true, timeout: 10_000 })
        try {
          database.prepare("VACUUM INTO ?").run(catalogPath(folder))
        } finally {
          database.close()
        }
      },
      catch: (cause) => new CatalogError({ path: catalogPath(from), operation: "read another store", cause })
    })
    return folder
  })

/** Takes the rows of another catalog whose artifacts are here. A run that is going on there comes with the next merge. */
const takeRows = (root: string, other: string, missing: ReadonlyArray<string>) =>
  catalogTransaction(root, "take over the results of another store", (database) => {
    database.exec("CREATE TEMP TABLE missing (artifact TEXT PRIMARY KEY)")
    const note = database.prepare("INSERT INTO missing VALUES (?)")
    missing.forEach((artifact) => note.run(artifact))
    // A key that is here keeps what it gave here, with the partitions of that.
    database.exec(`
      CREATE TEMP TABLE new_keys AS
        SELECT key_digest FROM other.actions
        WHERE key_digest NOT IN (SELECT key_digest FROM main.actions) AND output NOT IN (SELECT artifact FROM missing);
      CREATE TEMP TABLE new_runs AS
        SELECT run FROM other.runs WHERE status <> 'running' AND run NOT IN (SELECT run FROM main.runs);
      INSERT INTO main.actions SELECT * FROM other.actions WHERE key_digest IN (SELECT key_digest FROM new_keys);
      INSERT OR REPLACE INTO main.partitions
        SELECT * FROM other.partitions WHERE key_digest IN (SELECT key_digest FROM new_keys);
      INSERT INTO main.runs SELECT * FROM other.runs WHERE run IN (SELECT run FROM new_runs);
      INSERT OR IGNORE INTO main.executions SELECT * FROM other.executions WHERE run IN (SELECT run FROM new_runs);
      INSERT OR IGNORE INTO main.execution_inputs
        SELECT * FROM other.execution_inputs WHERE run IN (SELECT run FROM new_runs);
      INSERT OR IGNORE INTO main.derivations SELECT * FROM other.derivations;
      INSERT OR IGNORE INTO main.latest_keys
        SELECT * FROM other.latest_keys WHERE key_digest IN (SELECT key_digest FROM main.actions);
      INSERT OR IGNORE INTO main.pins SELECT * FROM other.pins WHERE run IN (SELECT run FROM main.runs)`)
    const count = (table: string) =>
      Number(database.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.["count"] ?? 0)
    const taken = { actions: count("new_keys"), runs: count("new_runs") }
    database.exec("DROP TABLE missing; DROP TABLE new_keys; DROP TABLE new_runs")
    return taken
  }, other)
