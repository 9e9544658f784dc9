/** Pinned runs: cleaning up keeps them and everything that they reach. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Catalog } from "../lineage/Catalog.ts"
import { catalogTransaction } from "./CatalogTransaction.ts"

/** A pinned run. `label` says why; `pinned_at` is in milliseconds since 1970. */
export const Pin = Schema.Struct({ run: Schema.String, label: Schema.NullOr(Schema.String), pinned_at: Schema.Int })
export type Pin = typeof Pin.Type

/** The pinned runs, the first pinned first. */
export const pins = Effect.gen(function*() {
  const catalog = yield* Catalog
  return yield* catalog.query("list the pinned runs", Pin, "SELECT run, label, pinned_at FROM pins ORDER BY pinned_at")
})

/** Pins a run that the catalog knows; a run that is pinned already gets the label. False where there is no such run. */
export const pin = Effect.fn("Pins.pin")(function*(store: string, run: string, label: string | undefined) {
  const now = yield* Clock.currentTimeMillis
  return yield* catalogTransaction(store, "pin a run", (database) => {
    if (database.prepare("SELECT run FROM runs WHERE run = ?").get(run) === undefined) return false
    database.prepare(
      `INSERT INTO pins (run, label, pinned_at) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET label = coalesce(excluded.label, label)`
    ).run(run, label ?? null, now)
    return true
  })
})

/** Unpins a run; false where it was not pinned. */
export const unpin = Effect.fn("Pins.unpin")(function*(store: string, run: string) {
  return yield* catalogTransaction(
    store,
    "unpin a run",
    (database) => database.prepare("DELETE FROM pins WHERE run = ?").run(run).changes > 0
  )
})
