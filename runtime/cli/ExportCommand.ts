/** `gemflow export`: a node's output as files of one's own, outside the store. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { copyFileSync, cpSync, existsSync, writeFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { makeFolder } from "../../artifacts/MakeFolder.ts"
import { Catalog } from "../lineage/Catalog.ts"
import { NotRunYet } from "./ExitCode.ts"
import * as Options from "./Options.ts"
import { remark } from "./Output.ts"
import { jsonValue } from "./render/Cell.ts"
import { count } from "./render/Numbers.ts"
import { namedOne, openPipeline, readerLayer } from "./Workspace.ts"

/** Something that cannot be written where it was asked for. */
export class NotExported extends Schema.TaggedError<NotExported>()("NotExported", {
  node: Schema.String,
  destination: Schema.String,
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message(): string {
    return `${this.node} was not exported to ${this.destination}: ${this.problem}. ${this.remedy}`
  }
}

const to = Argument.String("to").pipe(
  Argument.withDescription("A .jsonl or .arrow file, or a new folder for the checkpoint that the node made")
)

export const exportCommand = Command.make(
  "export",
  { file: Options.file, node: Options.node, to, store: Options.store },
  (options) =>
    Effect.gen(function*() {
      const { pipeline, project } = yield* openPipeline(options.file, options)
      const { name } = yield* namedOne(pipeline, options.node)
      const destination = resolve(options.to)
      const refuse = (problem: string, remedy: string) =>
        new NotExported({ node: name, destination: options.to, problem, remedy })
      const write = (what: () => void) =>
        Effect.try({
          try: () => {
            makeFolder(dirname(destination))
            what()
          },
          catch: (cause) => refuse(String(cause), "Choose a place that can be written.")
        })
      if (existsSync(destination)) return yield* refuse("it exists", "Remove it, or choose another name.")

      yield* Effect.gen(function*() {
        const catalog = yield* Catalog
        const store = yield* ArtifactStore
        const action = yield* catalog.latest(pipeline.name, name)
        if (action === undefined) return yield* new NotRunYet({ node: name, file: options.file })
        const { digest, directories, numRows } = yield* store.describe(action.output)
        if (destination.endsWith(".jsonl")) {
          const table = yield* store.open(digest)
          const lines = table.rows().map((row) => `${JSON.stringify(jsonValue(row))}\n`)
          yield* write(() => writeFileSync(destination, lines.join("")))
          return yield* remark(`gemflow: wrote ${count(numRows, "row")} of ${name} to ${options.to}`)
        }
        if (destination.endsWith(".arrow")) {
          yield* store.open(digest)
          yield* write(() => copyFileSync(store.path(digest), destination))
          return yield* remark(`gemflow: wrote ${count(numRows, "row")} of ${name} to ${options.to}`)
        }
        const [directory, ...others] = directories
        if (directory === undefined || others.length > 0) {
          return yield* refuse(
            `its rows name ${count(directories.length, "checkpoint")}, not one`,
            "Name a .jsonl or .arrow file to write its rows."
          )
        }
        const path = yield* store.directoryPath(directory)
        yield* write(() => cpSync(path, destination, { recursive: true }))
        yield* remark(`gemflow: wrote the checkpoint of ${name} to ${options.to}`)
      }).pipe(Effect.provide(readerLayer(project.store)))
    })
).pipe(
  Command.withDescription(
    "Write what a node made to a file or folder of your own: rows as JSON lines or Arrow, a policy as a HuggingFace directory."
  ),
  Command.withShortDescription("Write what a node made to a file or folder"),
  Command.withExamples([
    {
      command: "gemflow export pipelines/gem.ts update aligned-policy",
      description: "The aligned policy, for transformers"
    },
    { command: "gemflow export pipelines/gem.ts sample candidates.jsonl", description: "Rows as JSON lines" }
  ])
)
