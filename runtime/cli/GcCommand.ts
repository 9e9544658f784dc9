import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { existsSync } from "node:fs"
import { catalogPath } from "../lineage/Catalog.ts"
import * as Options from "./Options.ts"
import { outputWidth, print, printJson } from "./Output.ts"
import { projectAt, projectOf } from "./Project.ts"
import { count, formatBytes } from "./render/Numbers.ts"
import { styleOf } from "./render/Style.ts"
import { textTable } from "./render/TextTable.ts"
import { storeLayer } from "./Workspace.ts"

const file = Argument.String("file").pipe(
  Argument.withDescription("A pipeline file, to mean the store of its project; by default the one of this folder"),
  Argument.optional
)

const keepRuns = Flag.Int("keep-runs").pipe(
  Flag.withMetavar("N"),
  Flag.withDescription("How many of the newest runs of each pipeline to keep (default: 10)"),
  Flag.withSchema(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0, { expected: "a number of at least 0" }))),
  Flag.withDefault(10)
)

const yes = Flag.Boolean("yes").pipe(
  Flag.withDescription("Delete; without it, only tell what would go"),
  Flag.withDefault(false),
  Flag.withoutNegation
)

const dryRun = Flag.Boolean("dry-run").pipe(
  Flag.withDescription("Only tell what would go, as is done without --yes"),
  Flag.withDefault(false),
  Flag.withoutNegation
)

export const gcCommand = Command.make("gc", {
  file,
  keepRuns,
  yes,
  dryRun,
  store: Options.store,
  json: Options.json("Print what goes as JSON")
}, (options) =>
  Effect.gen(function*() {
    const { store } = Option.isSome(options.file)
      ? projectOf(options.file.value, options.store)
      : projectAt(process.cwd(), options.store)
    const isDone = options.yes && !options.dryRun
    if (!existsSync(catalogPath(store))) return yield* print(`No runs in ${store} yet: nothing to clean up.`)
    const { collectGarbage } = yield* Effect.promise(() => import("../store/CollectGarbage.ts"))
    const garbage = yield* collectGarbage({ keepRuns: options.keepRuns, delete: isDone }).pipe(
      Effect.provide(storeLayer(store))
    )
    const { derived, directories, forgotten, quarantine, spared, tables, unfinished } = garbage
    const shares = { tables, directories, derived, quarantine, unfinished }
    const bytes = Object.values(shares).reduce((sum, share) => sum + share.bytes, 0)
    if (options.json) {
      return yield* printJson({
        store,
        deleted: isDone,
        runs: forgotten.runs.map(({ pipeline, run, started_at }) => ({
          run,
          pipeline,
          startedAt: new Date(started_at).toISOString()
        })),
        actions: forgotten.actions,
        ...shares,
        bytes,
        spared,
        kept: { runs: forgotten.keptRuns, pinned: forgotten.pinned, running: forgotten.running }
      })
    }
    const style = styleOf(process.stdout)
    const row = (what: string, share: { readonly count: number; readonly bytes: number }) => [
      what,
      String(share.count),
      formatBytes(share.bytes)
    ]
    yield* print(textTable(
      [
        { title: isDone ? "deleted" : "would go", align: "left" },
        { title: "number", align: "right" },
        { title: "size", align: "right" }
      ],
      [
        ["runs", String(forgotten.runs.length), ""],
        ["results of keys", String(forgotten.actions), ""],
        row("tables", tables),
        row("directories", directories),
        row("made of others (converted weights)", derived),
        row("quarantine", quarantine),
        row("unfinished work", unfinished),
        ["together", "", formatBytes(bytes)]
      ],
      style,
      outputWidth()
    ))
    const pinned = forgotten.pinned > 0 ? `, ${count(forgotten.pinned, "of them pinned").replace(/s$/, "")}` : ""
    yield* print(
      `\nKept: ${
        count(forgotten.keptRuns, "run")
      }${pinned}, with everything that they reach; and what was stored or used in the last hour.`
    )
    if (forgotten.running > 0) {
      yield* print(`${count(forgotten.running, "run")} may be going on: what was stored since it began stays.`)
    }
    if (spared > 0) yield* print(`${count(spared, "artifact")} stayed because a run wanted it just now.`)
    if (!isDone && (bytes > 0 || forgotten.runs.length > 0)) yield* print("Nothing was deleted. Delete with: --yes")
  })).pipe(
    Command.withDescription(
      "Delete what no kept run reaches: the newest runs of each pipeline, pinned runs and runs that are going on stay, with all "
        + "their results. Tells what would go unless --yes is given. Safe while runs are going."
    ),
    Command.withShortDescription("Delete what no kept run reaches"),
    Command.withExamples([
      { command: "gemflow gc", description: "What would go, and how much that is" },
      { command: "gemflow gc --keep-runs 3 --yes", description: "Keep three runs of each pipeline and delete the rest" }
    ])
  )
