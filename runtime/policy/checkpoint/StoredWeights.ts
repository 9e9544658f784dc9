/** Where the weights of a checkpoint lie: in model.safetensors, or in the shards that its index names. */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { realpath } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { readHeader, type SafetensorsHeader, type SafetensorsTensor } from "../../../artifacts/Safetensors.ts"
import { CheckpointError } from "./CheckpointError.ts"
import { attempt } from "./CheckpointFile.ts"
import { INDEX_FILE, readShardIndex, WEIGHTS_FILE } from "./ShardIndex.ts"

export interface StoredTensor extends SafetensorsTensor {
  /** The file that holds it, by its name in the directory. */
  readonly file: string
}

export interface StoredWeights {
  readonly directory: string
  /**
   * Where onnxruntime is to read the files, which follows no link out of the folder it is given: the folder that they
   * are in once links are followed, as in HuggingFace's cache, and their names there. Absent where they are in several.
   */
  readonly real: { readonly folder: string; readonly names: ReadonlyMap<string, string> } | undefined
  /** The headers of all files, by their names in the directory. */
  readonly files: ReadonlyMap<string, SafetensorsHeader>
  readonly tensors: ReadonlyMap<string, StoredTensor>
}

/** Reads the headers. Where both are there, one file is read rather than shards, as transformers does. */
export const openWeights = Effect.fn("Checkpoint.openWeights")(function*(directory: string) {
  const path = join(directory, WEIGHTS_FILE)
  if (existsSync(path)) {
    const header = yield* readHeader(path)
    return yield* storedWeights(directory, new Map([[WEIGHTS_FILE, header]]))
  }
  if (existsSync(join(directory, INDEX_FILE))) return yield* openShards(directory)
  return yield* new CheckpointError({
    path,
    place: "",
    problem: `does not exist, nor does ${INDEX_FILE}`,
    remedy: "A checkpoint holds its weights in safetensors; convert other formats with transformers' save_pretrained."
  })
})

const openShards = Effect.fnUntraced(function*(directory: string) {
  const index = yield* readShardIndex(directory)
  const files = new Map<string, SafetensorsHeader>()
  for (const file of new Set(index.values())) {
    const path = join(directory, file)
    if (!existsSync(path)) {
      return yield* new CheckpointError({
        path,
        place: "",
        problem: `does not exist, and ${INDEX_FILE} names it as a shard of the weights`,
        remedy: "Download the missing shard."
      })
    }
    files.set(file, yield* readHeader(path))
  }
  const fault = (file: string, place: string, problem: string) =>
    new CheckpointError({
      path: join(directory, file),
      place,
      problem,
      remedy: "Use shards and an index that were saved together."
    })
  for (const [tensor, file] of index) {
    if (files.get(file)?.tensors.has(tensor) !== true) {
      return yield* fault(file, tensor, `is not in this shard, where ${INDEX_FILE} says it is`)
    }
  }
  for (const [file, { tensors }] of files) {
    for (const tensor of tensors.keys()) {
      const named = index.get(tensor)
      if (named !== undefined && named !== file) return yield* fault(file, tensor, `is also in ${named}`)
    }
  }
  return yield* storedWeights(directory, files)
})

const storedWeights = Effect.fnUntraced(
  function*(directory: string, files: ReadonlyMap<string, SafetensorsHeader>) {
    const paths = yield* Effect.forEach([...files.values()], ({ path }) => attempt(path, () => realpath(path)))
    const [folder, ...others] = new Set(paths.map((path) => dirname(path)))
    const names = new Map([...files.keys()].map((file, index) => [file, basename(paths[index] ?? file)]))
    const tensors = [...files].flatMap(([file, { tensors }]) =>
      [...tensors].map(([name, tensor]) => [name, { ...tensor, file }] as const)
    )
    const weights: StoredWeights = {
      directory,
      files,
      tensors: new Map(tensors),
      real: folder === undefined || others.length > 0 ? undefined : { folder, names }
    }
    return weights
  }
)
