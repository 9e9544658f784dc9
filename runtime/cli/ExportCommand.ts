/** `gemflow export`: a node's output as files of one's own, outside the store. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { copyFileSync, existsSync, writeFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { makeFolder } from "../../artifacts/MakeFolder.ts"
import { Catalog } from "../lineage/Catalog.ts"
import { NotRunYet } from "./ExitCode.ts"
import { formats, storedPolicy, wording, writePolicy } from "./ExportedPolicy.ts"
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
  Argument.withDescription("A .jsonl or .arrow file, or a new folder for the policy that the node made")
)

const format = Flag.Literals("format", formats).pipe(
  Flag.withDescription(
    "Of a policy: huggingface (weights, an adapter merged into them), adapter (the LoRA adapter alone, for PEFT) or onnx "
      + "(the generation program, for any onnxruntime); by default huggingface"
  ),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

export const exportCommand = Command.make(
  "export",
  { file: Options.file, node: Options.node, to, format, store: Options.store },
  (options) =>
    Effect.gen(function*() {
      const { pipeline, project } = yield* openPipeline(options.file, options)
      const { name } = yield* namedOne(pipeline, options.node)
      const destination = resolve(options.to)
      const { format } = options
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
        if (format !== undefined && /\.(jsonl|arrow)$/.test(destination)) {
          return yield* refuse(
            `--format ${format} makes a folder`,
            "Name a folder, or leave --format out to write the rows."
          )
        }
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
        const policy = yield* storedPolicy(digest)
        if (policy !== undefined) {
          const chosen = format ?? "huggingface"
          if (chosen === "adapter" && policy.adapter === undefined) {
            return yield* refuse("it has no adapter", "Leave --format out to write its checkpoint.")
          }
          yield* writePolicy(policy, chosen, destination)
          return yield* remark(`gemflow: wrote ${wording[chosen]} of ${name} to ${options.to}`)
        }
        const [directory, ...others] = directories
        if (directory === undefined || others.length > 0) {
          return yield* refuse(
            `its rows name ${count(directories.length, "folder")}, not one`,
            "Name a .jsonl or .arrow file to write its rows."
          )
        }
        if (format !== undefined) {
          return yield* refuse("its rows are not one policy", "Leave --format out to write the directory they name.")
        }
        const { copyDirectory } = yield* Effect.promise(() => import("../policy/export/ExportPolicy.ts"))
        yield* copyDirectory(yield* store.directoryPath(directory), destination)
        yield* remark(`gemflow: wrote the directory of ${name} to ${options.to}`)
      }).pipe(Effect.provide(readerLayer(project.store)))
    })
).pipe(
  Command.withDescription(
    "Write what a node made to a file or folder of your own: rows as JSON lines or Arrow, a policy as a HuggingFace directory, "
      + "a PEFT adapter or an ONNX program."
  ),
  Command.withShortDescription("Write what a node made to a file or folder"),
  Command.withExamples([
    {
      command: "gemflow export pipelines/gem.ts update aligned-policy",
      description: "The aligned policy, for transformers"
    },
    {
      command: "gemflow export pipelines/gem.ts update aligned-program --format onnx",
      description: "The program that samples from it, for any onnxruntime"
    },
    { command: "gemflow export pipelines/gem.ts sample candidates.jsonl", description: "Rows as JSON lines" }
  ])
)
