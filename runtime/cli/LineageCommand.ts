import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { Catalog } from "../lineage/Catalog.ts"
import { ancestors, descendants, lineageGraph, type RecordedRun } from "../lineage/Lineage.ts"
import * as Options from "./Options.ts"
import { print, printJson } from "./Output.ts"
import { lineageMermaid, lineageTree } from "./render/LineageText.ts"
import { styleOf } from "./render/Style.ts"
import { namedOne, openPipeline, readerLayer } from "./Workspace.ts"

const up = Flag.Boolean("up").pipe(
  Flag.withDescription("What the node was computed from (this is the default)"),
  Flag.withDefault(false),
  Flag.withoutNegation
)
const down = Flag.Boolean("down").pipe(
  Flag.withDescription("What was computed from the node"),
  Flag.withDefault(false),
  Flag.withoutNegation
)
const format = Flag.Literals("format", ["tree", "mermaid", "json"]).pipe(
  Flag.withDescription("How to show it (default: tree)"),
  Flag.withDefault("tree")
)

export const lineageCommand = Command.make("lineage", {
  file: Options.file,
  node: Options.node,
  up,
  down,
  format,
  store: Options.store
}, (options) =>
  Effect.gen(function*() {
    const { pipeline, project } = yield* openPipeline(options.file, options)
    const { name } = yield* namedOne(pipeline, options.node)
    const recorded = yield* Effect.provide(recordedRun(pipeline.name, name), readerLayer(project.store))
    const whole = lineageGraph(
      pipeline.nodes.map((instance) => ({ node: instance.name, kind: instance.node.name, inputs: instance.inputs })),
      recorded
    )
    // Both flags together ask for both directions.
    const directions = options.down ? options.up ? ["up", "down"] as const : ["down"] as const : ["up"] as const
    for (const direction of directions) {
      const graph = direction === "up" ? ancestors(whole, name) : descendants(whole, name)
      switch (options.format) {
        case "tree":
          yield* print(lineageTree(graph, name, direction, styleOf(process.stdout)))
          break
        case "mermaid":
          yield* print(lineageMermaid(graph))
          break
        case "json":
          yield* printJson({ pipeline: pipeline.name, node: name, direction, ...graph })
          break
      }
    }
  })).pipe(
    Command.withDescription(
      "Show where a node's output came from, or what came of it: as recorded by the last run in which it had an output."
    ),
    Command.withShortDescription("Show where an output came from"),
    Command.withExamples([
      {
        command: "gemflow lineage pipelines/gem.ts report",
        description: "Everything that the report was computed from"
      },
      {
        command: "gemflow lineage pipelines/gem.ts sample --down",
        description: "Everything that depends on the candidates"
      },
      { command: "gemflow lineage pipelines/gem.ts report --format mermaid", description: "A diagram for a document" }
    ])
  )

const recordedRun = Effect.fnUntraced(function*(pipeline: string, node: string) {
  const catalog = yield* Catalog
  const run = yield* catalog.latestRunOf(pipeline, node)
  if (run === undefined) return undefined
  return {
    run,
    executions: yield* catalog.executions(run.run),
    inputs: yield* catalog.inputs(run.run),
    actions: yield* catalog.actions(run.run)
  } satisfies RecordedRun
})
