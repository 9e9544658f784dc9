import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { existsSync } from "node:fs"
import { jsonValue } from "../../artifacts/JsonValue.ts"
import { catalogPath } from "../lineage/Catalog.ts"
import { select as selectNodes } from "../pipeline/Select.ts"
import * as Options from "./Options.ts"
import { outputWidth, print, printJson, writeError } from "./Output.ts"
import { projectAt, projectOf } from "./Project.ts"
import { count, formatBytes, shortDigest } from "./render/Numbers.ts"
import { styleOf } from "./render/Style.ts"
import { oneLine, textTable } from "./render/TextTable.ts"
import { devicesLayer, openPipeline, storeLayer } from "./Workspace.ts"

/** Something in the store is not as it was stored. */
export class StoreDamaged extends Schema.TaggedError<StoreDamaged>()("StoreDamaged", {
  store: Schema.String,
  damages: Schema.Int
}) {
  override get message(): string {
    return `${count(this.damages, "thing")} in ${this.store} ${this.damages === 1 ? "is" : "are"} not as stored. `
      + `What is damaged was moved to quarantine/; run the pipelines again to compute it anew.`
  }
}

/** Results came out otherwise than their nodes declare. */
export class ResultsDrifted extends Schema.TaggedError<ResultsDrifted>()("ResultsDrifted", {
  nodes: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `Executed again, ${this.nodes.join(", ")} did not give what is stored, although by declaration `
      + `${this.nodes.length === 1 ? "it does" : "they do"}. Look for what the node reads beside its config and inputs `
      + `(time, random numbers, files, the environment), or declare it as sampled.`
  }
}

const file = Argument.String("file").pipe(
  Argument.withDescription("The pipeline file; without --sample it only says which store is meant"),
  Argument.optional
)

const sample = Flag.String("sample").pipe(
  Flag.withMetavar("SHARE"),
  Flag.withDescription("Execute a random share of the stored results again, such as 5%, or so many, such as 3"),
  Flag.withSchema(
    Schema.String.check(
      Schema.isPattern(/^(100|\d{1,2}(\.\d+)?)%$|^[1-9]\d*$/, { expected: "a share such as 5%, or a number" })
    )
  ),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

const seed = Flag.Int("seed").pipe(
  Flag.withMetavar("N"),
  Flag.withDescription("Draw the same sample again, by the number that was printed"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

export const verifyCommand = Command.make("verify", {
  file,
  sample,
  select: Options.select,
  set: Options.set,
  seed,
  device: Options.device,
  store: Options.store,
  json: Options.json("Print what was found as JSON")
}, (options) =>
  Effect.gen(function*() {
    if (options.sample !== undefined) {
      if (Option.isNone(options.file)) return yield* new SampleOfNothing({ sample: options.sample })
      return yield* sampleOf({ ...options, file: options.file.value, sample: options.sample })
    }
    const { store } = Option.isSome(options.file)
      ? projectOf(options.file.value, options.store)
      : projectAt(process.cwd(), options.store)
    yield* wholeStore(store, options.json)
  })).pipe(
    Command.withDescription(
      "Check every byte of everything in the store, and quarantine what is damaged; or, with --sample, execute some of the "
        + "stored results again and compare."
    ),
    Command.withShortDescription("Check what is stored, or execute some of it again"),
    Command.withExamples([
      { command: "gemflow verify", description: "Check the digests of everything in the store" },
      {
        command: "gemflow verify pipelines/gem.ts --sample 5%",
        description: "Execute a twentieth of the results again"
      },
      {
        command: "gemflow verify pipelines/gem.ts --sample 100% --select rank --seed 7",
        description: "Execute one node and what it needs again"
      }
    ])
  )

/** There is no pipeline to take a sample of. */
export class SampleOfNothing extends Schema.TaggedError<SampleOfNothing>()("SampleOfNothing", {
  sample: Schema.String
}) {
  override get message(): string {
    return `--sample ${this.sample} needs a pipeline file: gemflow verify FILE --sample ${this.sample}`
  }
}

const wholeStore = Effect.fnUntraced(function*(store: string, json: boolean) {
  if (!existsSync(catalogPath(store))) return yield* print(`No runs in ${store} yet: nothing to verify.`)
  const { verifyStore } = yield* Effect.promise(() => import("../store/VerifyStore.ts"))
  const found = yield* verifyStore(progressLine).pipe(
    Effect.ensuring(Effect.sync(clearLine)),
    Effect.provide(storeLayer(store))
  )
  const { bytes, damages, directories, tables } = found
  if (json) yield* printJson({ store, ...found })
  else {
    if (damages.length > 0) {
      yield* print(textTable(
        [
          { title: "what", align: "left" },
          { title: "digest", align: "left" },
          { title: "state", align: "left" },
          { title: "nodes", align: "left" },
          { title: "runs", align: "left" }
        ],
        damages.map(({ digest, kind, message, nodes, runs, state }) => [
          kind,
          digest === undefined ? "" : shortDigest(digest),
          oneLine(message ?? state),
          nodes.join(", "),
          runs.join(", ")
        ]),
        styleOf(process.stdout),
        outputWidth()
      ))
      yield* print("")
    }
    yield* print(
      `Verified ${count(tables, "table")} and ${directories} director${directories === 1 ? "y" : "ies"}, `
        + `${formatBytes(bytes)}: ${
          damages.length === 0 ? "all as stored" : `${count(damages.length, "thing")} damaged or missing`
        }.`
    )
  }
  if (damages.length > 0) return yield* new StoreDamaged({ store, damages: damages.length })
})

interface SampleOptions {
  readonly file: string
  readonly sample: string
  readonly select: ReadonlyArray<string>
  readonly set: ReadonlyArray<string>
  readonly seed: number | undefined
  readonly device: ReadonlyArray<string>
  readonly store: string | undefined
  readonly json: boolean
}

const sampleOf = Effect.fnUntraced(function*(options: SampleOptions) {
  const { pipeline, project } = yield* openPipeline(options.file, options)
  const selected = yield* Effect.fromResult(selectNodes(pipeline, options.select))
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31)
  const { isSound, verifySample } = yield* Effect.promise(() => import("../execution/VerifySample.ts"))
  const report = yield* verifySample({
    pipeline,
    projectRoot: project.root,
    selected,
    seed,
    size: sizeOf(options.sample),
    onStart: ({ instance, position }, index, of) =>
      overwriteLine(`executing ${nameOf(instance.name, position)} again (${index + 1} of ${of})`)
  }).pipe(
    Effect.ensuring(Effect.sync(clearLine)),
    Effect.provide(Layer.merge(storeLayer(project.store), devicesLayer(options.device)))
  )
  const { renderSample } = yield* Effect.promise(() => import("./render/SampleText.ts"))
  yield* options.json
    ? printJson({
      pipeline: pipeline.name,
      seed,
      sound: isSound(report),
      ...report,
      verdicts: jsonValue(report.verdicts)
    })
    : print(renderSample(report, seed, options.file, styleOf(process.stdout), outputWidth()))
  if (!isSound(report)) {
    const nodes = report.verdicts.filter(({ isAllowed }) => !isAllowed)
      .map(({ node, position }) => nameOf(node, position))
    return yield* new ResultsDrifted({ nodes })
  }
})

/** How many of the results a share such as `5%`, or a number, means: at least one, where there are any. */
const sizeOf = (sample: string) => (results: number): number =>
  sample.endsWith("%") ? Math.ceil(results * Number(sample.slice(0, -1)) / 100) : Math.min(results, Number(sample))

const nameOf = (node: string, position: number | undefined): string =>
  position === undefined ? node : `${node} (partition ${position})`

/** One line on standard error that changes, where somebody looks. */
const overwriteLine = (text: string): void => {
  if (process.stderr.isTTY) writeError(`\r\u001b[2K${text}`)
}

const clearLine = (): void => {
  if (process.stderr.isTTY) writeError("\r\u001b[2K")
}

let shownAt = 0
const progressLine = ({ bytes, done, total }: { done: number; total: number; bytes: number }): void => {
  const now = Date.now()
  if (now - shownAt < 100 && done < total) return
  shownAt = now
  overwriteLine(`verifying: ${done} of ${total}, ${formatBytes(bytes)}`)
}
