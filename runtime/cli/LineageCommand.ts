import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Catalog } from "../lineage/Catalog.ts"
import type { ActionRow, ExecutionRow, InputRow } from "../lineage/CatalogRows.ts"
import { lastRunOf, nodeState, runExecutions } from "../lineage/History.ts"
import { ancestors, type DeclaredNode, descendants, type LastOutput, lineageGraph } from "../lineage/Lineage.ts"
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
  const declared = pipeline.nodes.map(({ inputs, name, node }) => ({ node: name, kind: node.name, inputs }))
  const run = yield* lastRunOf(pipeline.name, node)
  if (run === undefined) return lineageGraph(declared, undefined, yield* lastOutputsOf(pipeline, new Set()))
  const inputs = yield* catalog.inputs(run.run)
  const related = relatives(declared, inputs, node)
  const executions: Array<ExecutionRow> = []
  const actions: Array<ActionRow> = []
  const missing = new Set<string>()
  for (const name of related) {
    const state = yield* nodeState(run.run, name)
    if (state === undefined) missing.add(name)
    else {
      executions.push(state.execution)
      if (state.action !== undefined) actions.push(state.action)
    }
  }
  if (missing.size === 0) {
    const isRelated = ({ node }: { readonly node: string }) => related.has(node)
    return lineageGraph(declared.filter(isRelated), { run, executions, inputs: inputs.filter(isRelated), actions })
  }
  // Some took no part in that run: what is known of them, and whether it still holds, depends on all others.
  const all = yield* runExecutions(run)
  const recorded = { run, executions: all, inputs, actions: yield* catalog.actions(run.run) }
  return lineageGraph(
    declared,
    recorded,
    yield* lastOutputsOf(pipeline, new Set(all.map((execution) => execution.node)))
  )
})

/** A node, and all that is above or below it by what is declared or recorded. */
const relatives = (
  declared: ReadonlyArray<DeclaredNode>,
  inputs: ReadonlyArray<InputRow>,
  node: string
): ReadonlySet<string> => {
  const edges = [
    ...inputs.map(({ node, source }) => ({ from: source, to: node })),
    ...declared.flatMap(({ inputs, node }) => Object.values(inputs).flat().map((from) => ({ from, to: node })))
  ]
  const above = Map.groupBy(edges, ({ to }) => to)
  const below = Map.groupBy(edges, ({ from }) => from)
  const ups = new Set([node])
  for (const name of ups) above.get(name)?.forEach(({ from }) => ups.add(from))
  const downs = new Set([node])
  for (const name of downs) below.get(name)?.forEach(({ to }) => downs.add(to))
  return new Set([...ups, ...downs])
}

/** What is known of the nodes that took no part in a run, from the last run in which each had an output. */
const lastOutputsOf = Effect.fnUntraced(function*(pipeline: Pipeline, took: ReadonlySet<string>) {
  const catalog = yield* Catalog
  const lastOutputs = new Map<string, LastOutput>()
  for (const { name } of pipeline.nodes) {
    if (took.has(name)) continue
    const last = yield* catalog.latestRunOf(pipeline.name, name)
    const state = last === undefined ? undefined : yield* nodeState(last.run, name)
    if (state !== undefined) lastOutputs.set(name, state)
  }
  return lastOutputs
})
