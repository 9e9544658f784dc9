import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Options from "./Options.ts"

const format = Flag.Literals("format", ["mermaid", "dot", "svg"]).pipe(
  Flag.withDescription("mermaid for Markdown, dot for Graphviz, svg for a browser (default: mermaid)"),
  Flag.withDefault("mermaid")
)

export const graphCommand = Command.make("graph", {
  file: Options.file,
  format,
  set: Options.set,
  select: Options.select,
  store: Options.store,
  device: Options.device
}, (options) => Effect.flatMap(Effect.promise(() => import("./graph/Graph.ts")), ({ graph }) => graph(options))).pipe(
  Command.withDescription(
    "Draw a pipeline: a box around each round and scope, and, where it has run, by colour what is cached and what is stale."
  ),
  Command.withShortDescription("Draw a pipeline"),
  Command.withExamples([
    { command: "gemflow graph pipelines/gem.ts --format svg > gem.svg", description: "A drawing for a browser" },
    { command: "gemflow graph pipelines/gem.ts --select round-1", description: "The first round and what it needs" }
  ])
)
