/** All runs of a store in order. Runs are few beside what they hold, so that they are read whole and none is missed. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Catalog } from "./Catalog.ts"
import { RunRow } from "./CatalogRows.ts"
import { asked, hidden } from "./HiddenRows.ts"

/** A run in the list: decoding all of its columns would take most of the time that a question takes. */
const ListedRun = Schema.Struct({ run: Schema.String, pipeline: Schema.String, started_at: Schema.Int })
export type ListedRun = typeof ListedRun.Type

export const listSql = {
  // By the table and not by an index, whose order a damaged page may change.
  list: "SELECT * FROM runs NOT INDEXED ORDER BY rowid DESC",
  tally: "SELECT count FROM tallies WHERE kind = 'runs' AND name = ''"
} as const

/** Every run, newest first; none of them is missing, or the catalog is damaged. */
export const listedRuns = Effect.gen(function*() {
  const catalog = yield* Catalog
  const operation = "list the runs"
  const runs = yield* catalog.query(operation, ListedRun, listSql.list)
  const [tally] = yield* catalog.query(operation, Schema.Struct({ count: Schema.Int }), listSql.tally)
  if (tally?.count !== runs.length) return yield* hidden(operation, "some of the runs")
  // A stable sort: of runs that began in the same millisecond the one noted last comes first.
  return runs.toSorted((a, b) => b.started_at - a.started_at)
}).pipe(asked)

/** The rows of listed runs. */
export const runRows = Effect.fn("RunList.runRows")(function*(listed: ReadonlyArray<ListedRun>) {
  const catalog = yield* Catalog
  return yield* Effect.forEach(listed, ({ run }) =>
    Effect.flatMap(
      catalog.query("look up a run", RunRow, "SELECT * FROM runs WHERE run = ?", run),
      ([row]) => row === undefined ? hidden("look up a run", `run ${run}`) : Effect.succeed(row)
    ))
})
