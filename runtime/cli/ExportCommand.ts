/** `gemflow export`: a node's output as files of one's own, outside the store. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { existsSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { makeFolder } from "../../artifacts/MakeFolder.ts"
import { formats, storedPolicy, wording, writePolicy } from "./ExportedPolicy.ts"
import { formatOf, isTableFormat, tableFormats, writeTable } from "./ExportedTable.ts"
import { namedOutput } from "./NamedOutput.ts"
import * as Options from "./Options.ts"
import { remark } from "./Output.ts"
import { count } from "./render/Numbers.ts"
import { openPipeline, readerLayer } from "./Workspace.ts"

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

const node = Argument.String("node").pipe(
  Argument.withDescription("A node of the pipeline, or the beginning of an artifact's digest (8 letters or more)")
)

const to = Argument.String("to").pipe(
  Argument.withDescription(
    "A .jsonl, .csv, .parquet or .arrow file, or a new folder for the policy that the node made; by default the node's name"
  ),
  Argument.optional
)

const output = Flag.String("output").pipe(
  Flag.withMetavar("PATH"),
  Flag.withDescription("The same as the argument"),
  Flag.withSchema(Schema.NonEmptyString),
  Flag.optional
)

const format = Flag.Literals("format", [...tableFormats, ...formats]).pipe(
  Flag.withDescription(
    "Of rows: arrow, parquet, csv or jsonl, by default as the file's name says. Of a policy: huggingface (weights, an adapter "
      + "merged into them), adapter (the LoRA adapter alone, for PEFT) or onnx (the generation program, for any onnxruntime); "
      + "by default huggingface"
  ),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

/** The file of an output that no name was given for. */
const fileFor = (name: string, format: string | undefined): string =>
  `${name.replaceAll("/", "-")}${isTableFormat(format) ? `.${format}` : ""}`

export const exportCommand = Command.make(
  "export",
  { file: Options.file, node, to, output, format, store: Options.store },
  (options) =>
    Effect.gen(function*() {
      const { pipeline, project } = yield* openPipeline(options.file, options)
      const { format } = options
      const given = Option.getOrUndefined(Option.orElse(options.to, () => options.output))
      yield* Effect.gen(function*() {
        const store = yield* ArtifactStore
        const { digest, name } = yield* namedOutput(pipeline, options.file, options.node)
        const to = given ?? fileFor(name, format)
        const destination = resolve(to)
        const refuse = (problem: string, remedy: string) =>
          new NotExported({ node: name, destination: to, problem, remedy })
        if (existsSync(destination)) return yield* refuse("it exists", "Remove it, or choose another name.")
        yield* Effect.try({
          try: () => makeFolder(dirname(destination)),
          catch: (cause) => refuse(String(cause), "Choose a place that can be written.")
        })
        const { directories, numRows } = yield* store.describe(digest)
        const named = formatOf(destination)
        if (named !== undefined && format !== undefined && !isTableFormat(format)) {
          return yield* refuse(
            `--format ${format} makes a folder`,
            "Name a folder, or leave --format out to write the rows."
          )
        }
        const ofRows = isTableFormat(format) ? format : named
        if (ofRows !== undefined) {
          yield* writeTable(digest, ofRows, destination, refuse)
          return yield* remark(`gemflow: wrote ${count(numRows, "row")} of ${name} to ${to}`)
        }
        const policy = yield* storedPolicy(digest)
        if (policy !== undefined) {
          const chosen = format === undefined || isTableFormat(format) ? "huggingface" : format
          if (chosen === "adapter" && policy.adapter === undefined) {
            return yield* refuse("it has no adapter", "Leave --format out to write its checkpoint.")
          }
          yield* writePolicy(policy, chosen, destination)
          return yield* remark(`gemflow: wrote ${wording[chosen]} of ${name} to ${to}`)
        }
        const [directory, ...others] = directories
        if (directory === undefined || others.length > 0) {
          return yield* refuse(
            `its rows name ${count(directories.length, "folder")}, not one`,
            "Name a .jsonl, .csv, .parquet or .arrow file to write its rows."
          )
        }
        if (format !== undefined) {
          return yield* refuse("its rows are not one policy", "Leave --format out to write the directory they name.")
        }
        const { copyDirectory } = yield* Effect.promise(() => import("../policy/export/ExportPolicy.ts"))
        yield* copyDirectory(yield* store.directoryPath(directory), destination)
        yield* remark(`gemflow: wrote the directory of ${name} to ${to}`)
      }).pipe(Effect.provide(readerLayer(project.store)))
    })
).pipe(
  Command.withDescription(
    "Write what a node made to a file or folder of your own: rows as Arrow, Parquet, CSV or JSON lines, a policy as a HuggingFace directory, "
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
    { command: "gemflow export pipelines/gem.ts sample candidates.jsonl", description: "Rows as JSON lines" },
    {
      command: "gemflow export pipelines/gem.ts sample --format parquet --output data/sample.parquet",
      description: "Rows for pandas, DuckDB or datasets"
    }
  ])
)
