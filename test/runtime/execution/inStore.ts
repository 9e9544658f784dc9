/** Runs the fixture pipelines in this process, against a real store and catalog in a temporary folder. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Result } from "effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ArtifactStore } from "../../../artifacts/ArtifactStore.ts"
import { Devices } from "../../../runtime/execution/Devices.ts"
import type { Event } from "../../../runtime/execution/Event.ts"
import { execute } from "../../../runtime/execution/Executor.ts"
import { Catalog } from "../../../runtime/lineage/Catalog.ts"
import type { Pipeline } from "../../../runtime/pipeline/Pipeline.ts"
import { applySettings } from "../../../runtime/pipeline/Settings.ts"

export const newStore = (): string => join(mkdtempSync(join(tmpdir(), "gemflow-run-")), "store")

export const storeLayer = (store: string, devices: ReadonlyArray<string> = ["cpu"]) =>
  Layer.mergeAll(Catalog.layer(store), ArtifactStore.layer(store), Devices.layer(devices), NodeServices.layer)

export interface Options {
  readonly set?: ReadonlyArray<string>
  readonly force?: ReadonlyArray<string>
  readonly select?: ReadonlyArray<string>
  readonly jobs?: number
  readonly onEvent?: (event: Event) => void
}

/** Runs a pipeline and gives its result with its events. */
export const runPipeline = Effect.fnUntraced(function*(pipeline: Pipeline, options: Options = {}) {
  const events: Array<Event> = []
  const settings = options.set ?? []
  const applied = Result.getOrThrow(applySettings(pipeline, settings, "/"))
  const result = yield* execute({
    pipeline: applied,
    file: "/fixture.ts",
    selected: new Set(options.select ?? applied.nodes.map(({ name }) => name)),
    forced: new Set(options.force),
    projectRoot: "/",
    settings,
    jobs: options.jobs ?? 2,
    sink: (event) => {
      events.push(event)
      options.onEvent?.(event)
    }
  })
  return { result, events, statuses: statusesOf(events) }
})

/** What became of each node. */
export const statusesOf = (events: ReadonlyArray<Event>): Record<string, string> =>
  Object.fromEntries(events.flatMap((event) => {
    switch (event.type) {
      case "NodeFinished":
        return [[event.node, event.status]]
      case "NodeFailed":
        return [[event.node, "failed"]]
      case "NodeSkipped":
        return [[event.node, `skipped because of ${event.because}`]]
      default:
        return []
    }
  }))
