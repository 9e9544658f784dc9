import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { planningEnvironment } from "../execution/PlanningEnvironment.ts"
import { renderReasons } from "../execution/Reasons.ts"
import { plan } from "../pipeline/Plan.ts"
import { select as selectNodes } from "../pipeline/Select.ts"
import * as Options from "./Options.ts"
import { outputWidth, print, printJson } from "./Output.ts"
import { count } from "./render/Numbers.ts"
import { styleOf } from "./render/Style.ts"
import { textTable } from "./render/TextTable.ts"
import { devicesLayer, namedBy, openPipeline, readerLayer } from "./Workspace.ts"

/** Prints what a run with the same options would execute. */
export const showPlan = Effect.fn("PlanCommand.showPlan")(function*(options: {
  readonly file: string
  readonly set: ReadonlyArray<string>
  readonly select: ReadonlyArray<string>
  readonly force: ReadonlyArray<string>
  readonly store: string | undefined
  readonly device: ReadonlyArray<string>
  readonly json: boolean
}) {
  const { file, pipeline, project } = yield* openPipeline(options.file, options)
  const selected = yield* Effect.fromResult(selectNodes(pipeline, options.select))
  const forced = yield* namedBy(pipeline, "--force", options.force)
  const decisions = yield* planningEnvironment({ pipeline, selected, forced, projectRoot: project.root }).pipe(
    Effect.flatMap((environment) =>
      plan({ ...pipeline, nodes: pipeline.nodes.filter(({ name }) => selected.has(name)) }, environment)
    ),
    Effect.provide(Layer.merge(readerLayer(project.store), devicesLayer(options.device)))
  )
  const nodes = decisions.map(({ keyDigest, node, output, reasons, status }) => ({
    node,
    kind: pipeline.byName.get(node)?.node.name ?? node,
    status,
    ...renderReasons(reasons),
    ...(keyDigest === undefined ? {} : { key: keyDigest }),
    ...(output === undefined ? {} : { digest: output.digest })
  }))
  const cached = nodes.filter(({ status }) => status === "cached").length
  const stale = nodes.length - cached
  if (options.json) {
    return yield* printJson({ pipeline: pipeline.name, file, store: project.store, nodes, cached, stale })
  }
  const style = styleOf(process.stdout)
  yield* print(textTable(
    [{ title: "node", align: "left" }, { title: "status", align: "left" }, { title: "because", align: "left" }],
    nodes.map(({ details, node, status }) => [node, status, details.join("; ")]),
    style,
    outputWidth()
  ))
  yield* print(`\n${count(stale, "node")} stale, ${cached} cached`)
})

export const planCommand = Command.make("plan", {
  file: Options.file,
  set: Options.set,
  select: Options.select,
  force: Options.force,
  store: Options.store,
  device: Options.device,
  json: Options.json("Print the plan as JSON")
}, showPlan).pipe(
  Command.withDescription(
    "Show what a run would execute, and why. A node below a stale one is stale by `upstream`; when the run finds that "
      + "what it reads has not changed, it stays cached after all."
  ),
  Command.withShortDescription("Show what a run would execute, and why"),
  Command.withExamples([
    { command: "gemflow plan pipelines/gem.ts", description: "What is stale, and why" },
    {
      command: "gemflow plan pipelines/gem.ts --set rank.model=bradley-terry",
      description: "What a change would cost"
    }
  ])
)
