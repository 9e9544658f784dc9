import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"

const folder = Argument.String("dir").pipe(
  Argument.withDescription("The folder of the project, made where it is not there (default: the current one)"),
  Argument.withDefault(".")
)

export const initCommand = Command.make(
  "init",
  { folder },
  ({ folder }) => Effect.flatMap(Effect.promise(() => import("./init/Init.ts")), ({ init }) => init(folder))
).pipe(
  Command.withDescription("Write a project to start from: a pipeline with a node of its own, which runs as it is."),
  Command.withShortDescription("Write a project to start from"),
  Command.withExamples([{ command: "gemflow init my-project", description: "Start in a new folder" }])
)
