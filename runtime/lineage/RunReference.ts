/** How a person names a run: its id, the beginning of it, `last`, or `last~2` for the second before the last. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { dirname } from "node:path"
import { Catalog } from "./Catalog.ts"
import { listedRuns, runRows } from "./RunList.ts"

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

/** The run that a reference means; with a pipeline, `last` counts the runs of that alone. */
export const resolveRun = Effect.fn("RunReference.resolveRun")(function*(reference: string, pipeline?: string) {
  const catalog = yield* Catalog
  const back = /^last(?:~(\d{1,6}))?$/.exec(reference)
  const found = back === null
    ? yield* runsBeginningWith(reference)
    : (yield* listedRuns).filter((run) => pipeline === undefined || run.pipeline === pipeline)
      .slice(Number(back[1] ?? 0)).slice(0, 1)
  const exact = found.find(({ run }) => run === reference)
  if (exact === undefined && found.length > 1) {
    return yield* new AmbiguousRun({ run: reference, candidates: found.slice(0, 3).map(({ run }) => run) })
  }
  const [row] = yield* runRows([exact ?? found[0]].filter((run) => run !== undefined))
  return row ?? (yield* new UnknownRun({ run: reference, store: dirname(catalog.path) }))
})

/** The runs whose id begins with a text, newest first; none for the empty text. */
export const runsBeginningWith = Effect.fnUntraced(function*(prefix: string) {
  return prefix === "" ? [] : (yield* listedRuns).filter(({ run }) => run.startsWith(prefix))
})
