/**
 * What a run notes in the catalog, and tells, in the order in which it happens: gathered for a few milliseconds and then written
 * in one transaction, since a transaction costs more than what a small node writes. Nothing is told before it is written, so
 * whoever is told that a node has finished can rely on it, also when the process is killed.
 */
import * as Effect from "effect/Effect"
import type * as Catalog from "../lineage/Catalog.ts"
import type { ActionRow } from "../lineage/CatalogRows.ts"

/** How long something may wait to be written, in milliseconds, and how much of it. */
const longest = 4
const most = 256

interface Entry {
  readonly record?: Catalog.Record
  /** Of a partition. */
  readonly action?: ActionRow
  /** What follows: for a record only once it is written, else in any case. */
  readonly tell: () => void
}

export interface RecordQueue {
  /** Notes something, and tells it once it is written. Fails when what was noted before could not be written. */
  readonly note: (entry: Entry) => Effect.Effect<void, Catalog.CatalogError>
  /** Does something once all is written that was noted before. */
  readonly afterwards: (tell: () => void) => void
  /** Writes what is noted so far. */
  readonly flush: Effect.Effect<void, Catalog.CatalogError>
}

export const recordQueue = Effect.fn("RecordQueue.recordQueue")(function*(catalog: Catalog.Service) {
  let entries: Array<Entry> = []
  let timer: NodeJS.Timeout | undefined
  let failure: Catalog.CatalogError | undefined

  const write = Effect.suspend(() => {
    const written = entries
    entries = []
    clearTimeout(timer)
    timer = undefined
    const records = written.flatMap(({ record }) => record === undefined ? [] : [record])
    const actions = written.flatMap(({ action }) => action === undefined ? [] : [action])
    return (records.length + actions.length === 0 ? Effect.void : catalog.recordAll(records, actions)).pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          failure ??= error
        })
      ),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          for (const { action, record, tell } of written) {
            if (exit._tag === "Success" || (record === undefined && action === undefined)) tell()
          }
        })
      )
    )
  })
  const writeNow = () => Effect.runSyncExit(write)

  const push = (entry: Entry) => {
    entries.push(entry)
    if (entries.length >= most) writeNow()
    else timer ??= setTimeout(writeNow, longest)
  }

  const flush = Effect.suspend(() => entries.length > 0 ? write : Effect.void).pipe(
    Effect.andThen(Effect.suspend(() => failure === undefined ? Effect.void : Effect.fail(failure)))
  )
  yield* Effect.addFinalizer(() => Effect.ignore(flush))

  return {
    note: (entry) =>
      Effect.suspend(() => {
        if (failure !== undefined) return Effect.fail(failure)
        push(entry)
        return Effect.void
      }),
    afterwards: (then) => entries.length === 0 ? then() : push({ tell: then }),
    flush
  } satisfies RecordQueue
})
