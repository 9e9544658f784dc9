/** The files of a checkpoint directory; small ones are read bounded, and with errors that name the file. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { CheckpointError } from "./CheckpointError.ts"

/** More than any published tokenizer.json (Llama 3's has 17 MB). */
const MAX_BYTES = 64 * 1024 * 1024

const isMissing = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR")

/** The text of a file of the checkpoint, or undefined when there is no such file. */
export const readOptionalText = Effect.fnUntraced(function*(directory: string, file: string) {
  const path = join(directory, file)
  const failed = (problem: string, remedy: string) => new CheckpointError({ path, place: "", problem, remedy })
  const text = yield* Effect.tryPromise({
    try: async () => {
      const { size } = await stat(path)
      // Some editors write a byte order mark, which no parser of these files takes.
      return size > MAX_BYTES ? size : (await readFile(path, "utf8")).replace(/^\uFEFF/, "")
    },
    catch: (cause) => ({ missing: isMissing(cause), cause })
  }).pipe(Effect.catch(({ cause, missing }) =>
    missing
      ? Effect.void
      : Effect.fail(failed(`cannot be read (${String(cause)})`, "Check the file's permissions."))
  ))
  if (typeof text === "number") {
    return yield* failed(`has ${text} bytes, more than the ${MAX_BYTES} allowed`, "This is not such a file.")
  }
  return text
})

/** The text of a file that every checkpoint must have. */
export const readText = Effect.fnUntraced(function*(directory: string, file: string) {
  const text = yield* readOptionalText(directory, file)
  if (text !== undefined) return text
  return yield* new CheckpointError({
    path: join(directory, file),
    place: "",
    problem: "does not exist",
    remedy: "A checkpoint is a HuggingFace directory with config.json, model.safetensors, tokenizer.json and "
      + "tokenizer_config.json; check the path, or download the missing file."
  })
})

/** Parses JSON, naming the file when it is not. */
export const parseJson = (directory: string, file: string, text: string): Effect.Effect<unknown, CheckpointError> =>
  Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: (cause) =>
      new CheckpointError({
        path: join(directory, file),
        place: "",
        problem: `is not JSON (${cause instanceof Error ? cause.message : String(cause)})`,
        remedy: "The file is damaged or cut short; download it again."
      })
  })

export const readJson = (directory: string, file: string): Effect.Effect<unknown, CheckpointError> =>
  readText(directory, file).pipe(Effect.flatMap((text) => parseJson(directory, file, text)))

/** The parsed file, or an empty object when there is none. */
export const readOptionalJson = (directory: string, file: string): Effect.Effect<unknown, CheckpointError> =>
  readOptionalText(directory, file).pipe(
    Effect.flatMap((text) => text === undefined ? Effect.succeed({}) : parseJson(directory, file, text))
  )

/** The content of a file as a schema describes it, naming file and field when it is not. */
export const decodeFile = Effect.fnUntraced(
  function*<A>(path: string, schema: Schema.ConstraintDecoder<A>, content: unknown) {
    const result = Schema.decodeUnknownResult(schema)(content)
    if (Result.isSuccess(result)) return result.success
    return yield* new CheckpointError({
      path,
      place: "",
      problem: `does not decode: ${String(result.failure.message).replaceAll(/\s*\n\s*/g, " ")}`,
      remedy: "Correct the named field, or download the file again."
    })
  }
)

/** Work with the file system, as an Effect that says which file it failed with. */
export const attempt = <A>(path: string, work: () => Promise<A>): Effect.Effect<A, CheckpointError> =>
  Effect.tryPromise({
    try: work,
    catch: (cause) =>
      new CheckpointError({
        path,
        place: "",
        problem: `cannot be used (${cause instanceof Error ? cause.message : String(cause)})`,
        remedy: "Check the path, its permissions and the space on the disk."
      })
  })
