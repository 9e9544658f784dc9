/** How a person names a run: its id, the beginning of it, `last`, or `last~2` for the second before the last. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { dirname } from "node:path"
import { Catalog } from "./Catalog.ts"
import { type RunRow, RunRow as RunRowSchema } from "./CatalogRows.ts"

/** A run that the catalog does not know. */
export class UnknownRun extends Schema.TaggedError<UnknownRun>()("UnknownRun", {
  run: Schema.String,
  store: Schema.String
}) {
  override get message(): string {
    return `The store ${this.store} knows no run ${this.run}. List its runs with: gemflow runs`
  }
}

/** The beginning of several runs' ids. */
export class AmbiguousRun extends Schema.TaggedError<AmbiguousRun>()("AmbiguousRun", {
  run: Schema.String,
  candidates: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `${this.run} is the beginning of ${this.candidates.join(", ")} … Name one of them by more of its letters.`
  }
}

export const runSql = {
  newest: "SELECT * FROM runs ORDER BY started_at DESC, rowid DESC LIMIT 1 OFFSET ?",
  newestOfPipeline: "SELECT * FROM runs WHERE pipeline = ? ORDER BY started_at DESC, rowid DESC LIMIT 1 OFFSET ?",
  byPrefix: "SELECT * FROM runs WHERE run >= ? AND run < ? ORDER BY run LIMIT 3"
} as const

/** The run that a reference means; with a pipeline, `last` counts the runs of that alone. */
export const resolveRun = Effect.fn("RunReference.resolveRun")(function*(reference: string, pipeline?: string) {
  const catalog = yield* Catalog
  const unknown = () => new UnknownRun({ run: reference, store: dirname(catalog.path) })
  const back = /^last(?:~(\d{1,6}))?$/.exec(reference)
  if (back !== null) {
    const offset = Number(back[1] ?? 0)
    const [run] = pipeline === undefined
      ? yield* catalog.query("look up a run", RunRowSchema, runSql.newest, offset)
      : yield* catalog.query("look up a run", RunRowSchema, runSql.newestOfPipeline, pipeline, offset)
    return run ?? (yield* unknown())
  }
  const runs = yield* runsBeginningWith(reference)
  const exact = runs.find(({ run }) => run === reference)
  if (exact === undefined && runs.length > 1) {
    return yield* new AmbiguousRun({ run: reference, candidates: runs.map(({ run }) => run) })
  }
  return exact ?? runs[0] ?? (yield* unknown())
})

/** At most three runs whose id begins with a text; none for the empty text. */
export const runsBeginningWith = Effect.fnUntraced(function*(prefix: string) {
  if (!/^[0-9a-z-]+$/i.test(prefix)) return new Array<RunRow>()
  const catalog = yield* Catalog
  return yield* catalog.query("look up a run", RunRowSchema, runSql.byPrefix, prefix, `${prefix}\u{10ffff}`)
})
