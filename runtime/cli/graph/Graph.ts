/** `gemflow graph`: draws a pipeline, coloured by what a run would find cached. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { existsSync } from "node:fs"
import { planningEnvironment } from "../../execution/PlanningEnvironment.ts"
import type { Pipeline } from "../../pipeline/Pipeline.ts"
import { plan } from "../../pipeline/Plan.ts"
import { select as selectNodes } from "../../pipeline/Select.ts"
import { remark, writeOut } from "../Output.ts"
import type { Project } from "../Project.ts"
import { devicesLayer, openPipeline, readerLayer } from "../Workspace.ts"
import { dot } from "./Dot.ts"
import { drawing } from "./GraphModel.ts"
import { mermaid } from "./Mermaid.ts"

export interface GraphOptions {
  readonly file: string
  readonly format: "mermaid" | "dot" | "svg"
  readonly set: ReadonlyArray<string>
  readonly select: ReadonlyArray<string>
  readonly store: string | undefined
  readonly device: ReadonlyArray<string>
}

export const graph = Effect.fn("Graph.graph")(function*(options: GraphOptions) {
  const { pipeline, project } = yield* openPipeline(options.file, options)
  const selected = yield* Effect.fromResult(selectNodes(pipeline, options.select))
  const statuses = yield* statusesIn(pipeline, selected, project, options.device)
  const drawn = drawing(pipeline, selected, statuses)
  switch (options.format) {
    case "mermaid":
      return writeOut(mermaid(drawn))
    case "dot":
      return writeOut(dot(drawn))
    case "svg": {
      // Graphviz as WebAssembly, inside the package: nothing is to be installed beside it.
      const { instance } = yield* Effect.promise(() => import("@viz-js/viz"))
      const viz = yield* Effect.promise(() => instance())
      return writeOut(`${viz.renderString(dot(drawn), { format: "svg" }).trimEnd()}\n`)
    }
  }
})

/** What `gemflow plan` says of each node; nothing where there is no store, or where the pipeline cannot be planned. */
const statusesIn = Effect.fnUntraced(
  function*(pipeline: Pipeline, selected: ReadonlySet<string>, project: Project, devices: ReadonlyArray<string>) {
    if (!existsSync(project.store)) return new Map()
    const taking = { ...pipeline, nodes: pipeline.nodes.filter(({ name }) => selected.has(name)) }
    const decisions = yield* planningEnvironment({
      pipeline,
      selected,
      forced: new Set<string>(),
      projectRoot: project.root
    }).pipe(
      Effect.flatMap((environment) => plan(taking, environment)),
      Effect.provide(Layer.merge(readerLayer(project.store), devicesLayer(devices))),
      // A drawing needs no input files; why there are no colours is worth a word.
      Effect.catch((error) =>
        Effect.as(remark(`gemflow: no colours, since it cannot be planned: ${error.message}`), [])
      )
    )
    return new Map(decisions.map(({ node, status }) => [node, status]))
  }
)
