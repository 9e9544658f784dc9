/** The `gemflow` command. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { installedPackage } from "../execution/InstalledPackage.ts"
import { commandsFor } from "./Commands.ts"
import { watchProcess } from "./EndOfProcess.ts"
import { exitCodeOf } from "./ExitCode.ts"
import { print, remark, tolerateClosedPipes } from "./Output.ts"
import { styleOf } from "./render/Style.ts"

const gemflow = (commands: Awaited<ReturnType<typeof commandsFor>>) =>
  Command.make("gemflow").pipe(
    Command.withDescription("Declarative dataflow pipelines for LLM preference alignment."),
    Command.withSubcommands(commands),
    Command.withExamples([
      { command: "gemflow run pipelines/gem.ts", description: "Run a pipeline" },
      { command: "gemflow plan pipelines/gem.ts", description: "See what a run would execute, and why" },
      { command: "gemflow run --help", description: "Help on a command" }
    ])
  )

/** Runs the command line and gives the exit code: 0 done, 1 a node failed or an error, 2 wrong usage, 130 interrupted. */
export const main = async (args: ReadonlyArray<string>): Promise<number> => {
  tolerateClosedPipes()
  const version = installedPackage("gemflow", dirname(fileURLToPath(import.meta.url)))?.version ?? "0.0.0"
  const commands = await commandsFor(args)
  const watch = watchProcess()
  const fiber = Effect.runFork(
    Command.runWith(gemflow(commands), { version })(args).pipe(Effect.provide(environment))
  )
  const signals = { SIGINT: 130, SIGTERM: 143 } as const
  let interruptedBy: keyof typeof signals | undefined
  let stray: unknown
  const interrupt = (signal: keyof typeof signals) => {
    // The second time the signal does what it always does, and ends the process.
    stopListening()
    interruptedBy = signal
    watch.endSoon(signals[signal])
    fiber.interruptUnsafe()
  }
  const onInterrupt = () => interrupt("SIGINT")
  const onTerminate = () => interrupt("SIGTERM")
  const stopListening = () => {
    process.off("SIGINT", onInterrupt)
    process.off("SIGTERM", onTerminate)
  }
  process.on("SIGINT", onInterrupt)
  process.on("SIGTERM", onTerminate)
  // A promise or timer that a node left behind and nobody waits for: no fiber sees what it throws.
  const onStray = (error: unknown) => {
    stray = error
    fiber.interruptUnsafe()
  }
  process.on("uncaughtException", onStray)
  // Node ends when nothing is left that could wake it; a node may wait for something that Node does not know of.
  const staysAlive = setInterval(() => undefined, 2 ** 30)
  const exit = await Effect.runPromise(Fiber.await(fiber))
  clearInterval(staysAlive)
  watch.done()
  stopListening()
  process.off("uncaughtException", onStray)
  if (stray !== undefined) return await Effect.runPromise(report(Cause.die(strayError(stray))))
  if (interruptedBy !== undefined) return signals[interruptedBy]
  return Exit.isSuccess(exit) ? 0 : await Effect.runPromise(report(exit.cause))
}

const strayError = (error: unknown): Error =>
  new Error(
    `Something that no node waits for failed, a promise or a timer: ${
      error instanceof Error ? error.message : String(error)
    }. Wait for it in the node's run (Effect.promise, Effect.tryPromise). GEMFLOW_DEBUG=1 shows where.`,
    { cause: error }
  )

/** One clear sentence for what went wrong, and its exit code. */
const report = Effect.fnUntraced(function*(cause: Cause.Cause<unknown>) {
  if (Cause.hasInterruptsOnly(cause)) return 130
  const error = Cause.squash(cause)
  // Shown already, by `present`; without errors it is the help that was asked for.
  if (CliError.isCliError(error) && error._tag === "ShowHelp") return error.errors.length > 0 ? 2 : 0
  const message = error instanceof Error && error.message !== "" ? error.message : String(error)
  const style = styleOf(process.stderr)
  for (const line of message.split("\n")) yield* remark(`${style.bad("gemflow:")} ${line}`)
  if (process.env["GEMFLOW_DEBUG"] === "1") yield* remark(Cause.pretty(cause))
  return exitCodeOf(error)
})

/** Without the library's terms: `--jobs: "0". Expected: Schema validation failed: Expected a number of at least 1`. */
const plain = (message: string): string =>
  message.replace(/\s*\n\s*/g, " ").replace("Expected: Schema validation failed: ", "").trim().replace(/[.?]?$/, "")

/** A wrong command line ends in a sentence per mistake, not in a page of help. */
const present = (event: CliOutput.Presenter.Event): Effect.Effect<void> => {
  const formatter = CliOutput.defaultFormatter({ colors: styleOf(process.stdout).bold("") !== "" })
  switch (event._tag) {
    case "Help":
      return print(formatter.formatHelpDoc(event.helpDoc))
    case "Version":
      return print(`${event.name} ${event.version}`)
    case "InvalidInvocation":
      return Effect.forEach(
        event.errors,
        (error) =>
          remark(
            `gemflow: ${plain(error.message)}. See: ${event.commandPath.join(" ")} --help`
          ),
        { discard: true }
      )
  }
}

const environment = Layer.mergeAll(
  NodeServices.layer,
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
  CliOutput.layerPresenter({ present })
)
