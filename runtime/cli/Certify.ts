/** Certifies a run that ended well, so that repeating it needs no more than a look at what it rested on. */
import * as Effect from "effect/Effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import type * as Column from "../../artifacts/Column.ts"
import type { Event, EventSink } from "../execution/Event.ts"
import { migrations } from "../lineage/CatalogSchema.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { writeCertificate } from "../start/CertificateFile.ts"
import { tellStart, witness } from "../start/Witness.ts"

/** What the command was asked, and what it showed. */
export interface Command {
  readonly pipeline: Pipeline
  readonly settings: ReadonlyArray<string>
  /** Digest of the table that was shown at the end. */
  readonly result: string | undefined
}

/** Hears the events of a run on their way to `sink`; `certify` is for a run in which nothing failed. */
export const certifier = (sink: EventSink) => {
  const watching = witness()
  const outputs = new Map<string, string>()
  let started: Extract<Event, { readonly type: "RunStarted" }> | undefined

  const hear: EventSink = (event) => {
    if (event.type === "RunStarted") {
      watching?.planned()
      started = event
    }
    if (event.type === "NodeFinished") outputs.set(event.node, event.digest)
    sink(event)
  }

  const certify = Effect.fnUntraced(function*({ pipeline, result, settings }: Command) {
    if (watching === undefined || started === undefined) return
    const { run, type: _, ...described } = started
    const referring = pipeline.nodes.flatMap(({ name, node }) =>
      refersToDirectories(node.output.columns) && outputs.has(name) ? [outputs.get(name) ?? ""] : []
    )
    const draft = watching.draft({
      catalogVersion: migrations.length,
      run,
      settings,
      started: described,
      result: result ?? null,
      outputs: described.nodes.map(({ node }) => outputs.get(node) ?? ""),
      directories: yield* directoryFiles(referring)
    })
    if (typeof draft === "string") return tellStart(`not certified for the next time, because ${draft}`)
    const store = yield* ArtifactStore
    for (const digest of [...draft.unsettled, ...referring]) {
      if (!(yield* store.has(digest))) return tellStart(`not certified for the next time, because ${digest} is missing`)
    }
    writeCertificate(store.root, watching.invocation.name, draft.certificate)
  }, (certifying) => Effect.ignore(certifying))

  return { sink: hear, certify }
}

const refersToDirectories = (columns: Column.Fields): boolean => Object.values(columns).some(isReference)

const isReference = (column: Column.Any): boolean =>
  column.kind === "digest" || column.kind === "list" && isReference(column.of)
  || column.kind === "struct" && refersToDirectories(column.fields)

/** The files of the stored directories to which tables refer, with what describes them. */
const directoryFiles = Effect.fnUntraced(function*(tables: ReadonlyArray<string>) {
  const store = yield* ArtifactStore
  const files = new Set<string>()
  for (const table of new Set(tables)) {
    for (const digest of (yield* store.describe(table)).directories) {
      const folder = yield* store.directoryPath(digest)
      files.add(`${folder}.json`)
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isDirectory()) files.add(join(entry.parentPath, entry.name))
      }
    }
  }
  return [...files]
})
