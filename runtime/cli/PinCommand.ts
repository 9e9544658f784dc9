/** `gemflow pin` and `gemflow unpin`: which runs cleaning up keeps. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { resolveRun, UnknownRun } from "../lineage/RunReference.ts"
import { pin, pins, unpin } from "../store/Pins.ts"
import * as Options from "./Options.ts"
import { outputWidth, print, printJson } from "./Output.ts"
import { projectAt } from "./Project.ts"
import { styleOf } from "./render/Style.ts"
import { oneLine, textTable } from "./render/TextTable.ts"
import { readerLayer, storeLayer } from "./Workspace.ts"

const run = Argument.String("run").pipe(
  Argument.withDescription("A run as `gemflow runs` lists it, the beginning of its id, or `last`")
)

const label = Flag.String("label").pipe(
  Flag.withMetavar("TEXT"),
  Flag.withDescription("Why it is kept"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

export const pinCommand = Command.make("pin", {
  run: run.pipe(Argument.optional),
  label,
  store: Options.store,
  json: Options.json("Print the pinned runs as JSON")
}, (options) =>
  Effect.gen(function*() {
    const { store } = projectAt(process.cwd(), options.store)
    if (Option.isNone(options.run)) return yield* listPins(options.json).pipe(Effect.provide(readerLayer(store)))
    const reference = options.run.value
    const name = yield* Effect.gen(function*() {
      const { run } = yield* resolveRun(reference)
      return (yield* pin(store, run, options.label)) ? run : yield* new UnknownRun({ run, store })
    }).pipe(Effect.provide(storeLayer(store)))
    yield* print(`Pinned ${name}: cleaning up keeps it, with everything that it reaches.`)
  })).pipe(
    Command.withDescription(
      "Keep a run, with everything that it reaches, when cleaning up; without a run, list the pinned ones."
    ),
    Command.withShortDescription("Keep a run when cleaning up"),
    Command.withExamples([
      { command: "gemflow pin 20260102-030405-a1b2 --label paper", description: "Keep a run" },
      { command: "gemflow pin", description: "Which runs are pinned" }
    ])
  )

export const unpinCommand = Command.make("unpin", { run, store: Options.store }, (options) =>
  Effect.gen(function*() {
    const { store } = projectAt(process.cwd(), options.store)
    yield* Effect.gen(function*() {
      const { run } = yield* resolveRun(options.run)
      yield* print((yield* unpin(store, run)) ? `Unpinned ${run}.` : `${run} was not pinned.`)
    }).pipe(Effect.provide(storeLayer(store)))
  })).pipe(
    Command.withDescription("No longer keep a run when cleaning up."),
    Command.withShortDescription("No longer keep a run when cleaning up")
  )

const listPins = Effect.fnUntraced(function*(json: boolean) {
  const pinned = yield* pins
  const startOf = (milliseconds: number) => new Date(milliseconds).toISOString()
  if (json) {
    return yield* printJson(pinned.map(({ label, pinned_at, run }) => ({ run, label, pinnedAt: startOf(pinned_at) })))
  }
  if (pinned.length === 0) return yield* print("No run is pinned. Pin one with: gemflow pin RUN")
  yield* print(textTable(
    [{ title: "run", align: "left" }, { title: "pinned", align: "left" }, { title: "label", align: "left" }],
    pinned.map(({ label, pinned_at, run }) => [
      run,
      new Date(pinned_at).toLocaleString("sv-SE"),
      oneLine(label ?? "")
    ]),
    styleOf(process.stdout),
    outputWidth()
  ))
})
