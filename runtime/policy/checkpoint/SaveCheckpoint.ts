/** Writes weights as a HuggingFace directory that transformers loads. */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import { existsSync } from "node:fs"
import { copyFile, mkdir, rename, rm, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import type { TensorData } from "../../onnx/TensorData.ts"
import { type Checkpoint, WEIGHTS_FILE } from "./Checkpoint.ts"
import { CheckpointError } from "./CheckpointError.ts"
import { writeWeights } from "./WeightFile.ts"

/** Files of a checkpoint beside its weights and config.json, copied byte by byte where they exist. */
export const companionFiles = [
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  "special_tokens_map.json",
  "generation_config.json"
] as const

/** The checkpoint's config and tokenizer with other weights. */
export const saveCheckpoint = (checkpoint: Checkpoint, weights: ReadonlyMap<string, TensorData>, directory: string) =>
  writeCheckpoint({
    directory,
    weights,
    companions: checkpoint.directory,
    configJson: inFloat32(checkpoint.configJson)
  })

/** Weights are written as float32, and config.json has to say so, or they would be loaded in another type. */
const inFloat32 = (configJson: object): object => ({
  ...configJson,
  ...("torch_dtype" in configJson && { torch_dtype: "float32" }),
  ...("dtype" in configJson && { dtype: "float32" })
})

/**
 * Writes a checkpoint directory whole or not at all: into a folder beside it, renamed when complete.
 *
 * @param companions the directory that tokenizer and generation files are copied from.
 */
export const writeCheckpoint = Effect.fn("Checkpoint.write")(function*(options: {
  readonly directory: string
  readonly weights: ReadonlyMap<string, TensorData>
  readonly companions: string
  readonly configJson: object
}) {
  const { companions, configJson, weights } = options
  const directory = resolve(options.directory)
  const temporary = `${directory}.${randomUUID()}.partial`
  const attempt = (work: () => Promise<unknown>) =>
    Effect.tryPromise({
      try: work,
      catch: (cause) =>
        new CheckpointError({
          path: directory,
          place: "",
          problem: `cannot be written (${cause instanceof Error ? cause.message : String(cause)})`,
          remedy: "Give a path that does not exist yet, or an empty directory, on a disk with room for the weights."
        })
    })
  yield* Effect.gen(function*() {
    yield* attempt(async () => {
      await mkdir(temporary, { recursive: true })
      await writeFile(join(temporary, "config.json"), `${JSON.stringify(configJson, null, 2)}\n`)
      for (const file of companionFiles) {
        if (existsSync(join(companions, file))) await copyFile(join(companions, file), join(temporary, file))
      }
    })
    yield* writeWeights(join(temporary, WEIGHTS_FILE), weights)
    yield* attempt(() => rename(temporary, directory))
  }).pipe(Effect.onError(() => attempt(() => rm(temporary, { recursive: true, force: true })).pipe(Effect.ignore)))
})
