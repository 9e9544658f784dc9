import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Options from "./Options.ts"

const node = Argument.String("node").pipe(
  Argument.withDescription("The node to describe, e.g. entropy-score; all are listed when it is left out"),
  Argument.optional,
  Argument.map(Option.getOrUndefined)
)

export const nodesCommand = Command.make(
  "nodes",
  { node, json: Options.json("Print it as JSON") },
  ({ json, node }) => Effect.flatMap(Effect.promise(() => import("./nodes/Nodes.ts")), ({ nodes }) => nodes(node, json))
).pipe(
  Command.withDescription("List the nodes that come with gemflow, or describe one: inputs, output, and config fields."),
  Command.withShortDescription("Describe the nodes that come with gemflow"),
  Command.withExamples([
    { command: "gemflow nodes", description: "All nodes, a line each" },
    { command: "gemflow nodes entropy-score", description: "What it reads, makes, and can be set to" }
  ])
)
