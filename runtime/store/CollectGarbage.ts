/**
 * Cleaning up a store: what no kept run reaches is forgotten in the catalog, and then deleted. A kill in between leaves
 * artifacts that nothing refers to, for the next time, and never an action without its artifact.
 *
 * It is safe while runs are going. Whatever was stored, or found to be stored already, since the oldest of them began, or
 * within the grace period, stays: the row that will refer to it may not be written yet. Each artifact is moved aside before
 * it is deleted, then the catalog is asked once more, and what a run has taken from the cache meanwhile is put back. A run
 * that reads an artifact in the instant in which it is aside computes it again, as it does with any that is lost.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { readDerived } from "../../artifacts/DerivedDirectory.ts"
import { removeStored } from "../../artifacts/RemoveStored.ts"
import {
  bytesOf,
  derivedEntries,
  itemsIn,
  storedDirectories,
  type StoredItem,
  storedTables
} from "../../artifacts/StoreContents.ts"
import { tryLock } from "../execution/FolderLock.ts"
import { removeUnfinished, STALE_DAYS, unfinishedWork } from "../execution/NodeWorkspace.ts"
import { Catalog } from "../lineage/Catalog.ts"
import { catalogRehearsal, catalogTransaction } from "./CatalogTransaction.ts"
import { forgetRuns, type Forgotten, referenceTo } from "./ForgetRuns.ts"

const day = 24 * 60 * 60 * 1000

/** What was stored or used within the last hour stays. */
export const gracePeriod = 60 * 60 * 1000

/** Directories made of others that nobody asked for in this time go: they can be made again. */
const derivedUnusedFor = STALE_DAYS * day

export interface GarbageOptions {
  /** How many of the newest runs of each pipeline to keep. */
  readonly keepRuns: number
  /** Whether to delete, or only to tell what would go. */
  readonly delete: boolean
  /** Milliseconds. */
  readonly grace?: number
}

/** Another process is cleaning up. */
export class GarbageCollectionRunning extends Schema.TaggedError<GarbageCollectionRunning>()(
  "GarbageCollectionRunning",
  { store: Schema.String }
) {
  override get message(): string {
    return `Another process is cleaning up or merging into ${this.store}. Wait until it has ended, then try again.`
  }
}

/** How many things of a kind go, and how much that is. */
export interface Share {
  readonly count: number
  readonly bytes: number
}

export interface Garbage {
  readonly forgotten: Forgotten
  readonly tables: Share
  readonly directories: Share
  /** Directories made of others (converted weights) that can be made again; their bytes are counted with directories. */
  readonly derived: Share
  readonly quarantine: Share
  readonly unfinished: Share
  /** What was wanted in the moment in which it was to go, and stayed. */
  readonly spared: number
}

/** Takes the lock under which a store is cleaned up, until the scope ends. */
export const storeLock = (store: string) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      if (!existsSync(store)) mkdirSync(store, { recursive: true })
      const lock = tryLock(join(store, "gc.lock"))
      return lock === undefined ? Effect.fail(new GarbageCollectionRunning({ store })) : Effect.succeed(lock)
    }),
    (lock) => Effect.sync(lock.release)
  )

/** Cleans up the store, or tells what that would do. */
export const collectGarbage = Effect.fn("CollectGarbage.collectGarbage")(function*(options: GarbageOptions) {
  const catalog = yield* Catalog
  const { root } = yield* ArtifactStore
  yield* storeLock(root)
  const now = yield* Clock.currentTimeMillis
  const retention = { keepRuns: options.keepRuns, grace: options.grace ?? gracePeriod, now }
  const forgotten = yield* options.delete
    ? catalogTransaction(root, "forget old runs", (database) => forgetRuns(database, retention))
    : catalogRehearsal(root, "see what could go", (database) => forgetRuns(database, retention))
  const kept = yield* reachable(forgotten.artifacts)
  const old = (item: StoredItem) => item.usedAt < forgotten.before
  let spared = 0
  const keepWhatItRefersTo = (digest: string) =>
    Effect.map(reachable(new Set([digest])), ({ directories }) => {
      directories.forEach((directory) => kept.directories.add(directory))
    })

  const sweep = Effect.fnUntraced(function*<E>(
    items: ReadonlyArray<StoredItem>,
    isWanted: (item: StoredItem) => Effect.Effect<boolean, E>
  ) {
    let share: Share = { count: 0, bytes: 0 }
    for (const item of items) {
      const bytes = yield* bytesOf(item.paths)
      if (options.delete && !(yield* removeStored(root, item, isWanted(item)))) {
        spared++
        yield* keepWhatItRefersTo(item.digest)
        continue
      }
      share = { count: share.count + 1, bytes: share.bytes + bytes }
    }
    return share
  })
  const inCatalog = ({ digest }: StoredItem) =>
    Effect.map(
      catalog.query("see whether an artifact is wanted", Schema.Struct({ found: Schema.Int }), referenceTo, digest),
      (rows) => rows.length > 0
    )
  const never = () => Effect.succeed(false)

  const tables = (yield* storedTables(root)).filter((item) => old(item) && !kept.tables.has(item.digest))
  const tableShare = yield* sweep(tables, inCatalog)

  const derived: Array<StoredItem> = []
  const derivedFrom = new Set<string>()
  for (const item of yield* derivedEntries(root)) {
    const found = yield* readDerived(root, item.digest)
    const key = JSON.stringify(found?.key ?? null)
    const isKept = now - item.usedAt < derivedUnusedFor || [...kept.directories].some((digest) => key.includes(digest))
    if (isKept && found !== undefined) derivedFrom.add(found.directory)
    else if (old(item)) derived.push(item)
  }
  const derivedShare = yield* sweep(derived, never)

  const directories = (yield* storedDirectories(root)).filter((item) =>
    old(item) && !kept.directories.has(item.digest) && !derivedFrom.has(item.digest)
  )
  const directoryShare = yield* sweep(directories, inCatalog)
  const quarantine = yield* sweep((yield* itemsIn(root, "quarantine")).filter(old), never)
  const unfinished = yield* sweepUnfinished(root, now - STALE_DAYS * day, options.delete)
  return {
    forgotten,
    tables: tableShare,
    directories: directoryShare,
    derived: derivedShare,
    quarantine,
    unfinished,
    spared
  } satisfies Garbage
}, Effect.scoped)

/** The kept artifacts with the directories that their rows refer to. */
const reachable = Effect.fnUntraced(function*(artifacts: ReadonlySet<string>) {
  const store = yield* ArtifactStore
  const directories = new Set<string>()
  for (const digest of artifacts) {
    const ref = yield* Effect.catchTag(store.describe(digest), "ArtifactAbsent", () => Effect.undefined)
    ref?.directories.forEach((directory) => directories.add(directory))
  }
  return { tables: artifacts, directories }
})

/** Unfinished work of nodes that nobody has continued for long. */
const sweepUnfinished = Effect.fnUntraced(function*(root: string, before: number, remove: boolean) {
  let share: Share = { count: 0, bytes: 0 }
  for (const folder of yield* unfinishedWork(root, before)) {
    const bytes = yield* bytesOf([folder])
    if (remove) yield* removeUnfinished(folder, before)
    share = { count: share.count + 1, bytes: share.bytes + bytes }
  }
  return share
})
