import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { execute } from "../execution/Executor.ts"
import type { NodeFailure } from "../execution/NodeFailure.ts"
import { Catalog } from "../lineage/Catalog.ts"
import { select as selectNodes } from "../pipeline/Select.ts"
import { certifier } from "./Certify.ts"
import { NodesFailed } from "./ExitCode.ts"
import * as Listening from "./Listening.ts"
import * as Options from "./Options.ts"
import { outputWidth, print } from "./Output.ts"
import { showPlan } from "./PlanCommand.ts"
import { chooseRenderer } from "./render/ChooseRenderer.ts"
import { resultTable, shownTable } from "./render/ResultTable.ts"
import { ShownTable } from "./render/ShownTable.ts"
import { styleOf } from "./render/Style.ts"
import { resourceLimits, runFlags } from "./RunFlags.ts"
import { devicesLayer, namedBy, openPipeline, storeLayer } from "./Workspace.ts"

/** The result is shown up to this many rows; `gemflow show` shows more. */
const resultRows = 40

export const runCommand = Command.make("run", {
  file: Options.file,
  set: Options.set,
  select: Options.select,
  force: Options.force,
  store: Options.store,
  device: Options.device,
  jobs: Options.jobs,
  ...runFlags,
  json: Options.json("Print an event per line, as JSON"),
  ...Listening.flags
}, (options) =>
  Effect.gen(function*() {
    if (options.dryRun) return yield* showPlan(options)
    const limits = yield* resourceLimits(options)
    const { file, pipeline, project } = yield* openPipeline(options.file, options)
    const selected = yield* Effect.fromResult(selectNodes(pipeline, options.select))
    const forced = yield* namedBy(pipeline, "--force", options.force)
    yield* Effect.gen(function*() {
      const renderer = yield* rendererFor(options.json)
      const certificate = certifier(yield* Listening.listening(options, pipeline, project.root, renderer.event))
      const result = yield* execute({
        pipeline,
        file,
        selected,
        forced,
        projectRoot: project.root,
        settings: options.set,
        jobs: options.jobs,
        limits,
        retries: options.retries,
        keepGoing: options.keepGoing,
        sink: certificate.sink
      })
      renderer.close()
      if (result.failures.length > 0) {
        return yield* new NodesFailed({ failures: toldOnce(result.failures) })
      }
      const digest = pipeline.result === undefined ? undefined : result.outputs.get(pipeline.result)
      if (!options.json && digest !== undefined) yield* printResult(digest)
      yield* certificate.certify({ pipeline, settings: options.set, result: options.json ? undefined : digest })
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.merge(storeLayer(project.store), devicesLayer(options.device)))
    )
  })).pipe(
    Command.withDescription(
      "Run a pipeline: execute what is stale, take the rest from the store, and show the resulting table."
    ),
    Command.withShortDescription("Run a pipeline"),
    Command.withExamples([
      { command: "gemflow run pipelines/gem.ts", description: "Run everything that is stale" },
      {
        command: "gemflow run pipelines/gem.ts --set entropy-score.lambda=0.5",
        description: "Change one field and run what depends on it"
      },
      {
        command: "gemflow run pipelines/gem.ts --select entropy-score --json",
        description: "Run one node with what it needs, an event per line"
      },
      { command: "gemflow run pipelines/gem.ts --device cuda:0 --device cuda:1", description: "Use two GPUs" }
    ])
  )

/** A line for each problem: several nodes that failed for the same reason share one. */
const toldOnce = (failures: ReadonlyArray<NodeFailure>): ReadonlyArray<string> => {
  const nodes = new Map<string, Array<string>>()
  for (const { node, problem } of failures) nodes.set(problem, [...nodes.get(problem) ?? [], node])
  return [...nodes].map(([problem, names]) => {
    const told = names.length > 3 ? `${names.slice(0, 2).join(", ")} and ${names.length - 2} more` : names.join(", ")
    return `${told} failed: ${problem}`
  })
}

const rendererFor = (json: boolean) =>
  Effect.acquireRelease(Effect.promise(() => chooseRenderer(json)), (renderer) => Effect.sync(renderer.close))

const printResult = Effect.fnUntraced(function*(digest: string) {
  const catalog = yield* Catalog
  // Kept with the digest of the table, so that showing it again needs no Arrow.
  const kept = decodeShown(yield* catalog.memo("result", digest))
  const shown = Option.isSome(kept) ? kept.value : yield* readResult(digest)
  if (Option.isNone(kept)) yield* catalog.setMemo("result", digest, shown)
  yield* print(`\n${resultTable(shown, styleOf(process.stdout), outputWidth())}`)
})

const decodeShown = Schema.decodeUnknownOption(ShownTable)

const readResult = Effect.fnUntraced(function*(digest: string) {
  const store = yield* ArtifactStore
  return shownTable(yield* store.open(digest), resultRows)
})
