/**
 * Checks everything in a store: every byte of its tables and directories, every row of its catalog, and that what the
 * catalog refers to is there. What is damaged is quarantined, so that the next run computes it again.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { readDerived } from "../../artifacts/DerivedDirectory.ts"
import { bytesOf, derivedEntries, storedDirectories, storedTables } from "../../artifacts/StoreContents.ts"
import { Catalog } from "../lineage/Catalog.ts"

/** Something that is not as it was stored. */
export interface Damage {
  readonly kind: "table" | "directory" | "derived" | "catalog"
  /** Digest of the artifact; absent for the catalog. */
  readonly digest?: string
  /** `quarantined`: it was altered or torn. `missing`: the catalog refers to it. */
  readonly state: "quarantined" | "missing" | "altered"
  /** What the catalog's checks said. */
  readonly message?: string
  /** The nodes whose output it is, or refers to it. */
  readonly nodes: ReadonlyArray<string>
  /** The runs in which they had it. */
  readonly runs: ReadonlyArray<string>
}

export interface VerifiedStore {
  readonly tables: number
  readonly directories: number
  readonly bytes: number
  readonly damages: ReadonlyArray<Damage>
}

export interface VerifyProgress {
  readonly done: number
  readonly total: number
  readonly bytes: number
}

/** Bytes of artifacts that may be at work at once: a table is in memory a column at a time, at most all of it. */
const memory = 2 ** 30
const permitBytes = 2 ** 20

/** Artifacts at work at once: one is hashed while others are read. */
const atOnce = 4

export const verifyStore = Effect.fn("VerifyStore.verifyStore")(
  function*(onProgress: (progress: VerifyProgress) => void = () => undefined) {
    const store = yield* ArtifactStore
    const { root } = store
    const damages: Array<Damage> = [...yield* catalogDamages]
    const tables = yield* storedTables(root)
    const directories = yield* storedDirectories(root)
    const total = tables.length + directories.length
    /** The tables that refer to each directory. */
    const referring = new Map<string, Array<string>>()
    const budget = yield* Semaphore.make(memory / permitBytes)
    let done = 0
    let bytes = 0

    const check = Effect.fnUntraced(
      function*(kind: "table" | "directory", digest: string, paths: ReadonlyArray<string>) {
        const size = yield* bytesOf(paths)
        if (kind === "table") {
          const ref = yield* Effect.catchTag(store.describe(digest), "ArtifactAbsent", () => Effect.undefined)
          for (const directory of ref?.directories ?? []) {
            referring.set(directory, [...referring.get(directory) ?? [], digest])
          }
        }
        const permits = Math.min(memory / permitBytes, Math.max(1, Math.ceil(size / permitBytes)))
        const isWhole = yield* budget.withPermits(permits)(store.verify(digest))
        bytes += size
        onProgress({ done: ++done, total, bytes })
        return isWhole
      }
    )

    const lostTables = new Set<string>()
    yield* Effect.forEach(
      tables,
      ({ digest, paths }) =>
        Effect.map(check("table", digest, paths), (isWhole) => isWhole ? undefined : lostTables.add(digest)),
      { concurrency: atOnce, discard: true }
    )
    const lostDirectories = new Set<string>()
    yield* Effect.forEach(
      directories,
      ({ digest, paths }) =>
        Effect.map(check("directory", digest, paths), (isWhole) => isWhole ? undefined : lostDirectories.add(digest)),
      { concurrency: atOnce, discard: true }
    )

    for (const digest of lostTables) {
      damages.push({ kind: "table", digest, state: "quarantined", ...yield* belongingTo([digest]) })
    }
    for (const digest of lostDirectories) {
      const belonging = yield* belongingTo(referring.get(digest) ?? [])
      damages.push({ kind: "directory", digest, state: "quarantined", ...belonging })
    }
    for (const { digest } of yield* derivedEntries(root)) {
      if ((yield* readDerived(root, digest)) !== undefined) continue
      damages.push({ kind: "derived", digest, state: "altered", nodes: [], runs: [] })
    }
    const stored = new Set(tables.map(({ digest }) => digest))
    const catalog = yield* Catalog
    const results = yield* catalog.query(
      "list the results of keys",
      Schema.Struct({ output: Schema.String }),
      "SELECT DISTINCT output FROM actions ORDER BY output"
    )
    for (const { output } of results) {
      if (stored.has(output)) continue
      damages.push({ kind: "table", digest: output, state: "missing", ...yield* belongingTo([output]) })
    }
    return { tables: tables.length, directories: directories.length, bytes, damages } satisfies VerifiedStore
  }
)

const Text = Schema.Struct({ text: Schema.NullOr(Schema.String) })

/** The nodes that made the tables, and the runs in which they had them. */
const belongingTo = Effect.fnUntraced(function*(tables: ReadonlyArray<string>) {
  const catalog = yield* Catalog
  const nodes = new Set<string>()
  const runs = new Set<string>()
  for (const table of tables) {
    const ask = (sql: string, into: Set<string>) =>
      Effect.map(catalog.query("find out to what an artifact belongs", Text, sql, table), (rows) => {
        rows.forEach(({ text }) => text === null ? undefined : into.add(text))
      })
    yield* ask(
      "SELECT node AS text FROM executions WHERE output = ?1 UNION SELECT node FROM actions WHERE output = ?1",
      nodes
    )
    yield* ask(
      "SELECT run AS text FROM executions WHERE output = ?1 UNION SELECT run FROM actions WHERE output = ?1",
      runs
    )
  }
  return { nodes: [...nodes].toSorted(), runs: [...runs].toSorted() }
})

/** What SQLite finds wrong with the catalog's file, and rows whose checksum is not theirs. */
const catalogDamages = Effect.gen(function*() {
  const catalog = yield* Catalog
  const damages: Array<Damage> = []
  const note = (message: string) => damages.push({ kind: "catalog", state: "altered", message, nodes: [], runs: [] })
  const Integrity = Schema.Struct({ integrity_check: Schema.String })
  const checks = yield* Effect.result(catalog.query("check itself", Integrity, "PRAGMA integrity_check(10)"))
  if (checks._tag === "Failure") note(checks.failure.message)
  else {
    for (const { integrity_check: text } of checks.success) if (text !== "ok") note(text)
  }
  for (const table of checkedTables) {
    const rows = yield* Effect.result(catalog.query(`read its ${table}`, Schema.Unknown, `SELECT * FROM ${table}`))
    if (rows._tag === "Failure") note(rows.failure.message)
  }
  return damages
})

const checkedTables = ["runs", "executions", "execution_inputs", "actions", "derivations", "partitions", "latest_keys"]
