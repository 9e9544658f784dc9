import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Catalog } from "../lineage/Catalog.ts"
import { ancestors, descendants, type LastOutput, lineageGraph, type RecordedRun } from "../lineage/Lineage.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import * as Options from "./Options.ts"
import { print, printJson } from "./Output.ts"
import { projectAt, projectOf } from "./Project.ts"
import { artifactHeader, lineageMermaid, lineageTree } from "./render/LineageText.ts"
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

const artifact = Flag.String("artifact").pipe(
  Flag.withMetavar("DIGEST"),
  Flag.withDescription("An artifact by the beginning of its digest, across all runs, instead of a node"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

/** Neither a node nor an artifact is named, or both are. */
export class NothingAsked extends Schema.TaggedError<NothingAsked>()("NothingAsked", {}) {
  override get message(): string {
    return "Name a pipeline file and a node (gemflow lineage FILE NODE), or an artifact (gemflow lineage --artifact DIGEST)."
  }
}

export const lineageCommand = Command.make("lineage", {
  file: Argument.optional(Options.file),
  node: Argument.optional(Options.node),
  artifact,
  up,
  down,
  format,
  store: Options.store
}, (options) =>
  Effect.gen(function*() {
    // Both flags together ask for both directions.
    const directions = options.down ? options.up ? ["up", "down"] as const : ["down"] as const : ["up"] as const
    const file = Option.getOrUndefined(options.file)
    const node = Option.getOrUndefined(options.node)
    if (options.artifact !== undefined && node === undefined) {
      const { store } = file === undefined ? projectAt(process.cwd(), options.store) : projectOf(file, options.store)
      return yield* Effect.provide(ofArtifact(options.artifact, directions, options.format), readerLayer(store))
    }
    if (file === undefined || node === undefined || options.artifact !== undefined) return yield* new NothingAsked({})
    const { pipeline, project } = yield* openPipeline(file, options)
    const { name } = yield* namedOne(pipeline, node)
    const whole = yield* Effect.provide(recordedLineage(pipeline, name), readerLayer(project.store))
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
      "Show where a node's output came from, or what came of it: as recorded by the last run in which it had an output. "
        + "With --artifact, where an artifact came from and what any run ever computed from it."
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
      { command: "gemflow lineage pipelines/gem.ts report --format mermaid", description: "A diagram for a document" },
      { command: "gemflow lineage --artifact 3f9a01c2 --down", description: "What any run computed from an artifact" }
    ])
  )

/** An artifact's lineage, and the runs that made it or found it cached. */
const ofArtifact = Effect.fnUntraced(
  function*(prefix: string, directions: ReadonlyArray<"up" | "down">, format: "tree" | "mermaid" | "json") {
    const { artifactLineage, artifactUses, resolveArtifact } = yield* Effect.promise(() =>
      import("../lineage/ArtifactLineage.ts")
    )
    const digest = yield* resolveArtifact(prefix)
    const uses = yield* artifactUses(digest)
    const style = styleOf(process.stdout)
    if (format === "tree") yield* print(artifactHeader(digest, uses, style))
    for (const direction of directions) {
      const { graph, left, root } = yield* artifactLineage(digest, direction)
      switch (format) {
        case "tree":
          yield* print(lineageTree(graph, root, direction, style))
          if (left > 0) yield* print(style.dim(`… and more: ${left} artifacts beyond these were not followed`))
          break
        case "mermaid":
          yield* print(lineageMermaid(graph))
          break
        case "json":
          yield* printJson({ artifact: digest, uses, direction, ...graph, notFollowed: left })
          break
      }
    }
  }
)

/** The lineage as the last run tells it in which the node had an output, completed by what other runs tell of other nodes. */
const recordedLineage = Effect.fnUntraced(function*(pipeline: Pipeline, node: string) {
  const catalog = yield* Catalog
  const recorded = yield* recordedRun(pipeline.name, node)
  const took = new Set(recorded?.executions.map((execution) => execution.node))
  const lastOutputs = new Map<string, LastOutput>()
  for (const { name } of pipeline.nodes) {
    if (took.has(name)) continue
    const last = yield* recordedRun(pipeline.name, name)
    const execution = last?.executions.find((execution) => execution.node === name)
    if (last === undefined || execution === undefined) continue
    const action = yield* catalog.action(execution.key_digest ?? "")
    const inputs = last.inputs.filter((input) => input.node === name)
    lastOutputs.set(name, { execution, inputs, ...(action === undefined ? {} : { action }) })
  }
  const declared = pipeline.nodes.map(({ inputs, name, node }) => ({ node: name, kind: node.name, inputs }))
  return lineageGraph(declared, recorded, lastOutputs)
})

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
