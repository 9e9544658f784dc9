/** The answer of `gemflow trace`. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { relative } from "node:path"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { inputDigest } from "../execution/InputDigest.ts"
import { Catalog } from "../lineage/Catalog.ts"
import { findRow } from "../lineage/FindRow.ts"
import { hidden } from "../lineage/HiddenRows.ts"
import { lastRunOf, nodeState } from "../lineage/History.ts"
import { type RowLink, traceDown, type TracedRow, traceUp } from "../lineage/RowTrace.ts"
import { resolveRun } from "../lineage/RunReference.ts"
import { decodeConfig } from "../pipeline/Config.ts"
import type { NodeInstance, Pipeline } from "../pipeline/Pipeline.ts"
import { NotRunYet } from "./ExitCode.ts"

/** A traced row with the files that its node read. */
export interface ShownRow extends Omit<TracedRow, "links" | "files"> {
  readonly links: ReadonlyArray<ShownLink>
  readonly files: ReadonlyArray<ShownFile>
}

export interface ShownLink extends Omit<RowLink, "rows"> {
  readonly rows: ReadonlyArray<ShownRow>
}

/** A file that a node read, as the pipeline names it now. */
export interface ShownFile {
  /** Relative to the project. */
  readonly path: string
  /** `changed`: the file is not what it was when the node read it; `missing`: nor is it there. */
  readonly state: "same" | "changed" | "missing"
}

export interface TraceAnswer {
  readonly run: string
  readonly direction: "up" | "down"
  readonly row: ShownRow
}

export const traceRow = Effect.fn("TraceAnswer.traceRow")(
  function*({ direction, file, instance, limit, pipeline, projectRoot, row: asked, run: reference }: {
    readonly pipeline: Pipeline
    readonly instance: NodeInstance
    readonly file: string
    readonly row: string
    readonly run: string | undefined
    readonly direction: "up" | "down"
    readonly limit: number
    readonly projectRoot: string
  }) {
    const catalog = yield* Catalog
    const store = yield* ArtifactStore
    const node = instance.name
    const last = reference === undefined
      ? yield* lastRunOf(pipeline.name, node)
      : yield* resolveRun(reference, pipeline.name)
    const state = last === undefined ? undefined : yield* nodeState(last.run, node)
    if (last === undefined && (yield* catalog.latest(pipeline.name, node)) !== undefined) {
      return yield* hidden("look up a node's last run", `the runs of ${node}`)
    }
    const output = state?.execution.output ?? undefined
    if (last === undefined || output === undefined) return yield* new NotRunYet({ node, file })

    const declared = instance.node.output.columns
    const { columns } = yield* store.describe(output)
    const ids = Object.keys(columns).filter((name) => declared[name]?.id === true)
    // One column at least, since the number of rows is asked for too.
    const table = yield* store.open(output, ids.length > 0 ? ids : Object.keys(columns).slice(0, 1))
    const row = findRow(node, table, ids, asked)
    if (typeof row !== "number") return yield* row

    const trace = direction === "up" ? traceUp : traceDown
    const traced = yield* trace({ pipeline, run: last.run, node, row, limit })
    const withFiles = Effect.fnUntraced(function*(row: TracedRow): Effect.fn.Return<ShownRow, never, Catalog> {
      const links = yield* Effect.forEach(
        row.links,
        (link) => Effect.map(Effect.forEach(link.rows, withFiles), (rows): ShownLink => ({ ...link, rows }))
      )
      return { ...row, links, files: yield* filesOf(pipeline, row, projectRoot) }
    })
    return { run: last.run, direction, row: yield* withFiles(traced) } satisfies TraceAnswer
  }
)

/** Paths are no part of a key: they come from the file as it is now, and whether they hold what was read is checked. */
const filesOf = Effect.fnUntraced(function*(pipeline: Pipeline, { files, node }: TracedRow, projectRoot: string) {
  const instance = pipeline.byName.get(node)
  const config = instance === undefined ? undefined : Result.getOrUndefined(decodeConfig(instance, projectRoot))
  return yield* Effect.forEach(
    (config?.files ?? []).filter(({ field }) => Object.hasOwn(files, field)),
    (input) =>
      Effect.match(inputDigest({ node, ...input }), {
        onSuccess: (digest) => digest === files[input.field] ? "same" as const : "changed" as const,
        onFailure: () => "missing" as const
      }).pipe(Effect.map((state): ShownFile => ({ path: relative(projectRoot, input.path), state })))
  )
})
