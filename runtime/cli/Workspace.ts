/** What every command about a pipeline file begins with: the pipeline, its project, and the store opened. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { chooseDevices, Devices } from "../execution/Devices.ts"
import { Catalog } from "../lineage/Catalog.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { matching, matchingOne } from "../pipeline/Select.ts"
import { applySettings } from "../pipeline/Settings.ts"
import { loadPipeline } from "./LoadPipeline.ts"
import { remark } from "./Output.ts"
import { projectOf } from "./Project.ts"

/** The pipeline of a file, with the --set options applied. */
export const openPipeline = Effect.fn("Workspace.openPipeline")(
  function*(path: string, options: { readonly store: string | undefined; readonly set?: ReadonlyArray<string> }) {
    const { file, pipeline } = yield* loadPipeline(path)
    const applied = yield* Effect.fromResult(applySettings(pipeline, options.set ?? [], process.cwd()))
    return { file, pipeline: applied, project: projectOf(file, options.store) }
  }
)

/** The store for a run: made if it is not there. */
export const storeLayer = (store: string) => Layer.merge(Catalog.layer(store), ArtifactStore.layer(store))

/** The store for questions alone. */
export const readerLayer = (store: string) => Layer.merge(Catalog.layerReader(store), ArtifactStore.layer(store))

export const devicesLayer = (named: ReadonlyArray<string>) =>
  Layer.unwrap(Effect.map(chooseDevices(named), (names) => Devices.layer(names)))

/** The instances that the names of an option mean. */
export const namedBy = Effect.fnUntraced(function*(pipeline: Pipeline, option: string, names: ReadonlyArray<string>) {
  const instances = new Set<string>()
  for (const name of names) {
    const matched = yield* Effect.fromResult(matching(pipeline, name, `${option} ${name}`))
    matched.forEach((instance) => instances.add(instance.name))
  }
  return instances
})

/** The one instance that a name means; of several the last, and the user is told of the others. */
export const namedOne = Effect.fnUntraced(function*(pipeline: Pipeline, name: string) {
  const { instance, others } = yield* Effect.fromResult(matchingOne(pipeline, name, name))
  if (others.length > 0) {
    yield* remark(
      `gemflow: ${name} means ${instance.name} here; there is also ${others.map((other) => other.name).join(", ")}`
    )
  }
  return instance
})
