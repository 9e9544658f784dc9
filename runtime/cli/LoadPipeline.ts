/** Loads a pipeline file with Node's own import(), which strips types by itself. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { statSync } from "node:fs"
import { resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { type Grid, isGrid } from "../pipeline/Grid.ts"
import { exportedPipeline, type Pipeline } from "../pipeline/Pipeline.ts"
import { witness } from "../start/Witness.ts"
import { remark } from "./Output.ts"

/** A pipeline file is missing, does not load, or does not make a pipeline. */
export class PipelineNotLoaded extends Schema.TaggedError<PipelineNotLoaded>()("PipelineNotLoaded", {
  file: Schema.String,
  problem: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return this.problem
  }
}

export interface LoadedPipeline {
  /** Absolute. */
  readonly file: string
  readonly pipeline: Pipeline
  /** The grid, where the file exports one; `pipeline` is then all its variants. */
  readonly grid?: Grid
}

export const loadPipeline = Effect.fn("LoadPipeline.loadPipeline")(function*(path: string) {
  const file = resolve(path)
  const stat = yield* Effect.try({
    try: () => statSync(file, { throwIfNoEntry: false }),
    catch: (cause) => new PipelineNotLoaded({ file, problem: `${file} cannot be read (${text(cause)}).`, cause })
  })
  if (stat === undefined) {
    return yield* new PipelineNotLoaded({
      file,
      problem: `${file} does not exist. Name a pipeline file, such as pipelines/gem.ts.`
    })
  }
  if (!stat.isFile()) {
    return yield* new PipelineNotLoaded({ file, problem: `${file} is not a file. Name a pipeline file in it.` })
  }
  const module: { readonly default?: unknown } = yield* Effect.tryPromise({
    try: () => {
      const load = () => import(pathToFileURL(file).href)
      return witness()?.loading(file, load) ?? load()
    },
    catch: (cause) => new PipelineNotLoaded({ file, problem: explain(file, cause), cause })
  }).pipe(Effect.raceFirst(stillLoading(file)))
  const pipeline = yield* Effect.try({
    try: () => exportedPipeline(file, module),
    catch: (cause) => new PipelineNotLoaded({ file, problem: text(cause), cause })
  })
  return { file, pipeline, ...(isGrid(module.default) ? { grid: module.default } : {}) } satisfies LoadedPipeline
})

/** A top-level await may take its time, and may never settle: then nobody should wait without knowing for what. */
const stillLoading = (file: string): Effect.Effect<never> =>
  remark(
    `gemflow: ${file} is still being loaded: a top-level await in it, or in what it imports, has not settled yet. Ctrl-C ends.`
  ).pipe(Effect.delay("3 seconds"), Effect.andThen(Effect.never))

const explain = (file: string, error: unknown): string => {
  if (!(error instanceof Error)) return `${file} threw ${text(error)} while it was loaded. Correct it.`
  // What pipeline(…) and its kin throw says where and what to do.
  if ("_tag" in error) return error.message
  const place = placeOf(error) ?? file
  const code = "code" in error ? error.code : undefined
  if (code === "ERR_MODULE_NOT_FOUND" || code === "ERR_PACKAGE_PATH_NOT_EXPORTED") {
    return `${file} does not load: ${firstLine(error.message)}. Correct the import or install the package.`
  }
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
    return `${place} does not load: ${
      firstLine(error.message)
    }. Node strips types only: write TypeScript without enums, `
      + "namespaces and parameter properties."
  }
  if (code === "ERR_UNKNOWN_FILE_EXTENSION" || code === "ERR_IMPORT_ATTRIBUTE_MISSING") {
    return `${file} does not load: ${firstLine(error.message)}. Name a pipeline file in TypeScript or JavaScript.`
  }
  if (/outside a module|Unexpected token 'export'/.test(error.message)) {
    return `${place} does not load: its package.json makes it CommonJS. Set "type": "module" there.`
  }
  if (error instanceof SyntaxError || code === "ERR_INVALID_TYPESCRIPT_SYNTAX") {
    return `${place} does not load: ${firstLine(error.message)}. Correct the syntax.`
  }
  return `${place} failed while it was loaded: ${firstLine(error.message)}. Correct it.`
}

/** The first place in the stack that is no package's: `/dir/gem.ts:12`, from `file:///dir/gem.ts:12` or `(…:12:3)`. */
const placeOf = (error: Error): string | undefined => {
  for (
    const [, location = "", line = ""] of (error.stack ?? "").matchAll(
      /(?<=^|[\s(])(file:\/\/[^\s()]+?|\/[^\s():]+):(\d+)(?::\d+)?\)?$/gm
    )
  ) {
    if (!location.includes("node_modules")) {
      return `${location.startsWith("file:") ? fileURLToPath(location) : location}:${line}`
    }
  }
  return undefined
}

const firstLine = (message: string) => (message.split("\n")[0] ?? "").trim().replace(/[.:]$/, "")
const text = (error: unknown) => error instanceof Error ? error.message : String(error)
