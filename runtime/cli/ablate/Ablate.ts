/** `gemflow ablate`: plans a grid of variants, runs it as one pipeline, and compares its results. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { ArtifactStore } from "../../../artifacts/ArtifactStore.ts"
import { jsonValue } from "../../../artifacts/JsonValue.ts"
import { AblationReport } from "../../../artifacts/tables/AblationReport.ts"
import { execute, type RunResult } from "../../execution/Executor.ts"
import { planningEnvironment } from "../../execution/PlanningEnvironment.ts"
import { didYouMean } from "../../pipeline/DidYouMean.ts"
import { type Grid, instanceAt, reportOn } from "../../pipeline/Grid.ts"
import type { Pipeline } from "../../pipeline/Pipeline.ts"
import { plan } from "../../pipeline/Plan.ts"
import { select as selectNodes } from "../../pipeline/Select.ts"
import { applySettings } from "../../pipeline/Settings.ts"
import { NodesFailed } from "../ExitCode.ts"
import { environmentOnly, listening } from "../Listening.ts"
import { loadPipeline } from "../LoadPipeline.ts"
import { outputWidth, print, printJson, remark } from "../Output.ts"
import { projectOf } from "../Project.ts"
import { comparisonText, planText, type ReportRow } from "../render/AblationText.ts"
import { chooseRenderer } from "../render/ChooseRenderer.ts"
import { count, shortDigest } from "../render/Numbers.ts"
import { styleOf } from "../render/Style.ts"
import { devicesLayer, namedBy, namedOne, readerLayer, storeLayer } from "../Workspace.ts"
import { ablationPlan } from "./AblationPlan.ts"
import { gridOf } from "./VaryFlags.ts"

/** The table that is to be compared has no numbers, or there is none. */
export class NothingToCompare extends Schema.TaggedError<NothingToCompare>()("NothingToCompare", {
  pipeline: Schema.String,
  node: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const why = this.node === undefined
      ? `Pipeline ${this.pipeline} returns no table`
      : `The variants' tables of ${this.node} have no column of numbers in common`
    return `${why}; name the node whose table to compare with --select NODE.`
  }
}

/** A `--metric` that the compared table does not have. */
export class UnknownMetric extends Schema.TaggedError<UnknownMetric>()("UnknownMetric", {
  metric: Schema.String,
  metrics: Schema.Array(Schema.String),
  suggestion: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const meant = this.suggestion === undefined ? "" : ` Did you mean ${this.suggestion}?`
    return `--metric ${this.metric}: the compared table has no such column of numbers.${meant} It has ${
      this.metrics.join(", ")
    }.`
  }
}

export interface AblateOptions {
  readonly file: string
  readonly vary: ReadonlyArray<string>
  readonly seeds: number | undefined
  readonly set: ReadonlyArray<string>
  readonly select: string | undefined
  readonly metric: ReadonlyArray<string>
  readonly force: ReadonlyArray<string>
  readonly store: string | undefined
  readonly device: ReadonlyArray<string>
  readonly jobs: number
  readonly dryRun: boolean
  readonly json: boolean
}

export const ablate = Effect.fn("Ablate.ablate")(function*(options: AblateOptions) {
  const { file, grid: exported, pipeline } = yield* loadPipeline(options.file)
  const base = yield* Effect.fromResult(applySettings(exported?.base ?? pipeline, options.set, process.cwd()))
  const grid = yield* gridOf({ file, base, grid: exported, vary: options.vary, seeds: options.seeds })
  const compared = options.select === undefined ? base.result : (yield* namedOne(base, options.select)).name
  if (compared === undefined) return yield* new NothingToCompare({ pipeline: base.name })
  const merged = reportOn(grid, compared)
  if (merged.result === undefined) return yield* new NothingToCompare({ pipeline: base.name, node: compared })
  const metrics = yield* metricsOf(merged, options.metric)

  const project = projectOf(file, options.store)
  // What the report does not need is run too, as `gemflow run` would, unless a node was asked for.
  const selected = yield* Effect.fromResult(selectNodes(merged, options.select === undefined ? [] : [merged.result]))
  const forced = yield* namedBy(merged, "--force", options.force)
  const planned = yield* Effect.provide(
    Effect.gen(function*() {
      const environment = yield* planningEnvironment({ pipeline: merged, selected, forced, projectRoot: project.root })
      const taking = { ...merged, nodes: merged.nodes.filter(({ name }) => selected.has(name)) }
      return ablationPlan(grid, yield* plan(taking, environment))
    }),
    Layer.merge(readerLayer(project.store), devicesLayer(options.device))
  )
  if (!options.json) yield* print(planText(grid, planned, styleOf(process.stdout), outputWidth()))
  if (options.dryRun) return options.json ? yield* printJson({ file, plan: planned }) : undefined

  yield* Effect.gen(function*() {
    const run = (pipeline: Pipeline, nodes: ReadonlySet<string>) =>
      Effect.acquireUseRelease(
        Effect.promise(() => chooseRenderer(false)),
        (renderer) =>
          Effect.flatMap(listening(environmentOnly, pipeline, project.root, renderer.event), (sink) =>
            execute({
              pipeline,
              file,
              selected: nodes,
              forced: new Set([...forced].filter((name) => pipeline.byName.has(name))),
              projectRoot: project.root,
              settings: options.set,
              jobs: options.jobs,
              sink
            })).pipe(Effect.scoped),
        (renderer) => Effect.sync(renderer.close)
      )
    const result = yield* run(merged, selected)
    const report = yield* reportOf(grid, compared, result, run)
    const rows = report === undefined ? [] : yield* readReport(report)
    const shown = rows.filter(({ metric }) => metrics.includes(metric))
    const failures = result.failures.map(({ message }) => message)
    if (options.json) {
      yield* printJson({ file, plan: planned, report, rows: shown.map(jsonValue), failures })
    } else if (report !== undefined) {
      yield* print(`\n${comparisonText(shown, metrics, styleOf(process.stdout), outputWidth())}`)
      if (rows.some(({ high }) => high !== null)) {
        yield* remark("± is the half width of the 95 % interval over replicates.")
      }
      yield* remark(`This table is the artifact ${shortDigest(report)}, made by ablation-report.`)
    }
    if (failures.length > 0) return yield* new NodesFailed({ failures })
  }).pipe(Effect.provide(Layer.merge(storeLayer(project.store), devicesLayer(options.device))))
})

/** The digest of the report. Where some variants failed, a report of the others; nothing where all did. */
const reportOf = Effect.fnUntraced(function*<E, R>(
  grid: Grid,
  compared: string,
  { outputs }: RunResult,
  run: (pipeline: Pipeline, selected: ReadonlySet<string>) => Effect.Effect<RunResult, E, R>
) {
  const whole = outputs.get("ablation-report")
  if (whole !== undefined) return whole
  const finished = grid.points.filter((point) => outputs.has(instanceAt(grid, point, compared) ?? ""))
  if (finished.length === 0) return undefined
  yield* remark(
    `gemflow: ${
      count(grid.points.length - finished.length, "variant")
    } of ${grid.points.length} (seeds counted) failed; the `
      + "table has the others."
  )
  const partial = reportOn({ ...grid, points: finished }, compared)
  if (partial.result === undefined) return undefined
  const selected = yield* Effect.fromResult(selectNodes(partial, [partial.result]))
  return (yield* run(partial, selected)).outputs.get(partial.result)
})

const readReport = Effect.fnUntraced(function*(digest: string) {
  const store = yield* ArtifactStore
  const rows: ReadonlyArray<ReportRow> = (yield* store.get(AblationReport, digest)).rows()
  return rows
})

/** The metrics to show: those asked for, or all but the bounds of intervals that the compared table has itself. */
const metricsOf = Effect.fnUntraced(function*(merged: Pipeline, asked: ReadonlyArray<string>) {
  const written = merged.byName.get(merged.result ?? "")?.config["metrics"]
  const metrics = Array.isArray(written) ? written.map(String) : []
  const unknown = asked.find((metric) => !metrics.includes(metric))
  if (unknown !== undefined) {
    const suggestion = didYouMean(unknown, metrics)
    return yield* new UnknownMetric({ metric: unknown, metrics, ...(suggestion === undefined ? {} : { suggestion }) })
  }
  return asked.length > 0 ? asked : metrics.filter((metric) => !/_(low|high)$/.test(metric))
})
