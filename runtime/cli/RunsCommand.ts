import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ExecutionRow, RunRow } from "../lineage/CatalogRows.ts"
import { runExecutions } from "../lineage/History.ts"
import { listedRuns, runRows } from "../lineage/RunList.ts"
import { resolveRun } from "../lineage/RunReference.ts"
import * as Options from "./Options.ts"
import { outputWidth, print, printJson } from "./Output.ts"
import { projectAt } from "./Project.ts"
import { count, formatDuration, shortDigest } from "./render/Numbers.ts"
import { styleOf } from "./render/Style.ts"
import { oneLine, textTable } from "./render/TextTable.ts"
import { statusOf } from "./RunStatus.ts"
import { readerLayer } from "./Workspace.ts"

const run = Argument.String("run").pipe(
  Argument.withDescription(
    "A run, to see what became of each node in it: its id, the beginning of it, last, or last~1 for the one before"
  ),
  Argument.optional
)

const pipeline = Flag.String("pipeline").pipe(
  Flag.withMetavar("NAME"),
  Flag.withDescription("Only runs of the pipeline with this name"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

const limit = Flag.Int("limit").pipe(
  Flag.withMetavar("N"),
  Flag.withDescription("Only the newest N runs"),
  Flag.withSchema(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a number of at least 1" }))),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

export const runsCommand = Command.make("runs", {
  run,
  pipeline,
  limit,
  store: Options.store,
  json: Options.json("Print the runs as JSON")
}, (options) =>
  Effect.gen(function*() {
    const { store } = projectAt(process.cwd(), options.store)
    yield* (Option.isSome(options.run)
      ? showRun(store, options.run.value, options.pipeline, options.json)
      : listRuns(store, options))
      .pipe(Effect.provide(readerLayer(store)))
  })).pipe(
    Command.withDescription("List the runs kept in the store, newest first, or show one."),
    Command.withShortDescription("List runs"),
    Command.withExamples([
      { command: "gemflow runs", description: "All runs, newest first" },
      { command: "gemflow runs --pipeline gem --limit 5", description: "The last five of one pipeline" },
      { command: "gemflow runs last", description: "What became of each node in the last run" },
      { command: "gemflow runs 20260102-030405-a1b2", description: "What became of each node in a run" }
    ])
  )

interface Asked {
  readonly pipeline: string | undefined
  readonly limit: number | undefined
  readonly json: boolean
}

const listRuns = Effect.fnUntraced(function*(store: string, { json, limit, pipeline }: Asked) {
  const now = yield* Clock.currentTimeMillis
  const listed = (yield* listedRuns).filter((run) => pipeline === undefined || run.pipeline === pipeline)
  const runs = yield* runRows(listed.slice(0, limit))
  if (json) return yield* printJson(runs.map((row) => runJson(row, statusOf(store, row, now))))
  if (runs.length === 0) {
    return yield* print(
      `No runs${pipeline === undefined ? "" : ` of ${pipeline}`} in ${store} yet. Start one with: gemflow run FILE`
    )
  }
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
      statusOf(store, row, now),
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

const showRun = Effect.fnUntraced(function*(store: string, name: string, pipeline: string | undefined, json: boolean) {
  const row = yield* resolveRun(name, pipeline)
  const executions = yield* runExecutions(row)
  const status = statusOf(store, row, yield* Clock.currentTimeMillis)
  if (json) return yield* printJson({ ...runJson(row, status), nodes: executions.map(executionJson) })
  const style = styleOf(process.stdout)
  const took = row.finished_at === null ? "" : `, took ${formatDuration(row.finished_at - row.started_at)}`
  yield* print(`${style.bold(row.run)}  ${row.pipeline}, ${status}, started ${localTime(row.started_at)}${took}`)
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

const runJson = (row: RunRow, status: ReturnType<typeof statusOf>) => ({
  run: row.run,
  pipeline: row.pipeline,
  file: row.file,
  settings: row.settings,
  status,
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
