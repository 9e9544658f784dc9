import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Options from "./Options.ts"
import { print, printJson } from "./Output.ts"
import { styleOf } from "./render/Style.ts"
import type { WhyAnswer } from "./WhyAnswer.ts"
import { devicesLayer, namedOne, openPipeline, readerLayer } from "./Workspace.ts"

const run = Flag.String("run").pipe(
  Flag.withMetavar("RUN"),
  Flag.withDescription("Why this run executed the node or found it cached: a run's id, its beginning, last, last~1"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

const between = Flag.String("between").pipe(
  Flag.withMetavar("RUN..RUN"),
  Flag.withDescription("What changed for the node from one run to another, e.g. last~1..last"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

export const whyCommand = Command.make("why", {
  file: Options.file,
  node: Options.node,
  run,
  between,
  set: Options.set,
  device: Options.device,
  store: Options.store,
  json: Options.json("Print the answer as JSON")
}, (options) =>
  Effect.gen(function*() {
    const { pipeline, project } = yield* openPipeline(options.file, options)
    const { name } = yield* namedOne(pipeline, options.node)
    const { whyBetween, whyNow, whyRun } = yield* Effect.promise(() => import("./WhyAnswer.ts"))
    const answer: WhyAnswer = yield* Effect.gen(function*() {
      if (options.between !== undefined) return yield* whyBetween(pipeline, name, options.between)
      if (options.run !== undefined) return yield* whyRun(pipeline, name, options.run)
      return yield* whyNow(pipeline, name, project.root)
    }).pipe(Effect.provide(Layer.merge(readerLayer(project.store), devicesLayer(options.device))))
    if (options.json) return yield* printJson(answer)
    const { whyText } = yield* Effect.promise(() => import("./render/WhyText.ts"))
    yield* print(whyText(answer, styleOf(process.stdout)))
  })).pipe(
    Command.withDescription(
      "Say why a node would execute or is up to date, as the difference of two stored keys: what changed since it last ran, "
        + "up to the root causes, and what did not. With --run, why a run executed it."
    ),
    Command.withShortDescription("Say why a node executes or need not"),
    Command.withExamples([
      { command: "gemflow why pipelines/gem.ts advantage", description: "What changed since the node last ran" },
      { command: "gemflow why pipelines/gem.ts advantage --run last", description: "Why the last run executed it" },
      {
        command: "gemflow why pipelines/gem.ts advantage --between last~1..last --json",
        description: "What changed from one run to the next"
      }
    ])
  )
