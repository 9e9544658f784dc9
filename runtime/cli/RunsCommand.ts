import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { hostname } from "node:os"
import { Catalog } from "../lineage/Catalog.ts"
import type { ExecutionRow, RunRow } from "../lineage/CatalogRows.ts"
import { UnknownRun } from "../lineage/RunReference.ts"
import * as Options from "./Options.ts"
import { outputWidth, print, printJson } from "./Output.ts"
import { projectAt } from "./Project.ts"
import { count, formatDuration, shortDigest } from "./render/Numbers.ts"
import { styleOf } from "./render/Style.ts"
import { oneLine, textTable } from "./render/TextTable.ts"
import { readerLayer } from "./Workspace.ts"

const run = Argument.String("run").pipe(
  Argument.withDescription("A run, to see what became of each node in it"),
  Argument.optional
)

export const runsCommand = Command.make("runs", {
  run,
  store: Options.store,
  json: Options.json("Print the runs as JSON")
}, (options) =>
  Effect.gen(function*() {
    const { store } = projectAt(process.cwd(), options.store)
    yield* (Option.isSome(options.run)
      ? showRun(store, options.run.value, options.json)
      : listRuns(store, options.json))
      .pipe(Effect.provide(readerLayer(store)))
  })).pipe(
    Command.withDescription("List the runs kept in the store, newest first, or show one."),
    Command.withShortDescription("List runs"),
    Command.withExamples([
      { command: "gemflow runs", description: "All runs, newest first" },
      { command: "gemflow runs 20260102-030405-a1b2", description: "What became of each node in a run" }
    ])
  )

const listRuns = Effect.fnUntraced(function*(store: string, json: boolean) {
  const catalog = yield* Catalog
  const runs = yield* catalog.runs()
  if (json) return yield* printJson(runs.map(runJson))
  if (runs.length === 0) return yield* print(`No runs in ${store} yet. Start one with: gemflow run FILE`)
  yield* print(textTable(
    [
      { title: "run", align: "left" },
      { title: "pipeline", align: "left" },
      { title: "status", align: "left" },
      { title: "started", align: "left" },
      { title: "took", align: "right" },
      { title: "executed", align: "right" },
      { title: "cached", align: "right" },
      { title: "failed", align: "right" },
      { title: "settings", align: "left" }
    ],
    runs.map((row) => [
      row.run,
      row.pipeline,
      statusOf(row),
      localTime(row.started_at),
      row.finished_at === null ? "" : formatDuration(row.finished_at - row.started_at),
      String(row.executed),
      String(row.cached),
      String(row.failed),
      oneLine(row.settings.join(" "))
    ]),
    styleOf(process.stdout),
    outputWidth()
  ))
})

const showRun = Effect.fnUntraced(function*(store: string, name: string, json: boolean) {
  const catalog = yield* Catalog
  const row = yield* catalog.run(name)
  if (row === undefined) return yield* new UnknownRun({ run: name, store })
  const executions = yield* catalog.executions(name)
  if (json) return yield* printJson({ ...runJson(row), nodes: executions.map(executionJson) })
  const style = styleOf(process.stdout)
  const took = row.finished_at === null ? "" : `, took ${formatDuration(row.finished_at - row.started_at)}`
  yield* print(`${style.bold(row.run)}  ${row.pipeline}, ${statusOf(row)}, started ${localTime(row.started_at)}${took}`)
  yield* print(`${row.file}${row.settings.map((setting) => ` --set ${setting}`).join("")}\n`)
  yield* print(textTable(
    [
      { title: "node", align: "left" },
      { title: "status", align: "left" },
      { title: "took", align: "right" },
      { title: "rows", align: "right" },
      { title: "output", align: "left" },
      { title: "because", align: "left" }
    ],
    executions.map((execution) => [
      execution.node,
      execution.status,
      formatDuration(execution.duration_ms),
      execution.row_count === null ? "" : count(execution.row_count, "row"),
      execution.output === null ? "" : shortDigest(execution.output),
      oneLine(execution.error ?? execution.reasons.join("; "))
    ]),
    style,
    outputWidth()
  ))
})

/** As recorded, except that a run whose process is gone cannot be running. */
const statusOf = (row: RunRow): string =>
  row.status === "running" && row.host === hostname() && !isAlive(row.pid) ? "killed" : row.status

const isAlive = (pid: number): boolean => {
  try {
    // Signal 0 asks whether the process is there and does nothing to it.
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

const runJson = (row: RunRow) => ({
  run: row.run,
  pipeline: row.pipeline,
  file: row.file,
  settings: row.settings,
  status: statusOf(row),
  startedAt: new Date(row.started_at).toISOString(),
  durationMs: row.finished_at === null ? null : row.finished_at - row.started_at,
  executed: row.executed,
  cached: row.cached,
  failed: row.failed
})

const executionJson = (row: ExecutionRow) => ({
  node: row.node,
  kind: row.kind,
  status: row.status,
  digest: row.output,
  rows: row.row_count,
  durationMs: row.duration_ms,
  device: row.device,
  because: row.reasons,
  error: row.error
})

/** Local date and time to the second, sortable. */
const localTime = (milliseconds: number): string => new Date(milliseconds).toLocaleString("sv-SE")
