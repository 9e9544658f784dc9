import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { resolve } from "node:path"
import * as Options from "./Options.ts"
import { print, printJson, remark, writeError } from "./Output.ts"
import { projectAt } from "./Project.ts"
import { count, formatBytes, shortDigest } from "./render/Numbers.ts"
import { storeLayer } from "./Workspace.ts"

const other = Argument.String("other").pipe(
  Argument.withDescription("The folder of another store, or of a project that has one in .gemflow")
)

/** Some of what the other store is said to have could not be taken over. */
export class NotAllMerged extends Schema.TaggedError<NotAllMerged>()("NotAllMerged", {
  other: Schema.String,
  damaged: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `${count(this.damaged.length, "artifact")} in ${this.other} are damaged and were left out: ${
      this.damaged.map(shortDigest).join(", ")
    }. Look there with: gemflow verify --store ${this.other}`
  }
}

export const mergeCommand = Command.make("merge", {
  other,
  store: Options.store,
  json: Options.json("Print what was taken over as JSON")
}, (options) =>
  Effect.gen(function*() {
    const { store } = projectAt(process.cwd(), options.store)
    const { mergeStores } = yield* Effect.promise(() => import("../store/MergeStores.ts"))
    const merged = yield* mergeStores(resolve(options.other), progressLine).pipe(
      Effect.ensuring(Effect.sync(clearLine)),
      Effect.provide(storeLayer(store))
    )
    const { absent, actions, bytes, copied, damaged, present, runs } = merged
    if (options.json) yield* printJson({ store, other: resolve(options.other), ...merged })
    else {
      yield* print(
        `Took over ${count(copied, "table")} (${formatBytes(bytes)} with their directories), ${
          count(actions, "result")
        } of keys and ${count(runs, "run")}; ${count(present, "table")} were here already.`
      )
    }
    if (absent.length > 0) {
      yield* remark(
        `gemflow: ${count(absent.length, "table")} that the other store refers to are not there, and were left out`
      )
    }
    if (damaged.length > 0) return yield* new NotAllMerged({ other: options.other, damaged })
  })).pipe(
    Command.withDescription(
      "Take over what another store has and this one does not: artifacts, verified on the way, the results of keys, and runs. "
        + "Nothing here is replaced; the other store is only read. A run then takes those results."
    ),
    Command.withShortDescription("Take over another store's results"),
    Command.withExamples([
      { command: "gemflow merge ../other/.gemflow", description: "Take over what another project or machine computed" }
    ])
  )

/** One line on standard error that changes, where somebody looks. */
const progressLine = ({ bytes, done, total }: { done: number; total: number; bytes: number }): void => {
  if (process.stderr.isTTY) writeError(`\r\u001b[2Kmerging: ${done} of ${total} tables, ${formatBytes(bytes)}`)
}

const clearLine = (): void => {
  if (process.stderr.isTTY) writeError("\r\u001b[2K")
}
