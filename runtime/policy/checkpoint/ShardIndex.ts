/** model.safetensors.index.json: which of several files holds which tensor. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { jsonDuplicateKey } from "../../../artifacts/JsonDuplicateKey.ts"
import { CheckpointError } from "./CheckpointError.ts"
import { decodeFile, parseJson, readText } from "./CheckpointFile.ts"

export const WEIGHTS_FILE = "model.safetensors"
export const INDEX_FILE = `${WEIGHTS_FILE}.index.json`

const ShardIndex = Schema.Struct({ weight_map: Schema.Record(Schema.String, Schema.String) })

/** A file of the checkpoint's own directory. */
const isShardName = (file: string): boolean =>
  file.endsWith(".safetensors") && !/[/\\:]/.test(file) && !file.startsWith(".")

/** The file of each tensor. Files are names within the directory: an index cannot lead outside of it. */
export const readShardIndex = Effect.fnUntraced(function*(directory: string) {
  const path = join(directory, INDEX_FILE)
  const fault = (place: string, problem: string) =>
    new CheckpointError({ path, place, problem, remedy: "Download the file again." })
  const text = yield* readText(directory, INDEX_FILE)
  const { weight_map: places } = yield* decodeFile(path, ShardIndex, yield* parseJson(directory, INDEX_FILE, text))
  const twice = jsonDuplicateKey(text)
  if (twice !== undefined) return yield* fault(twice, "stands twice")
  const files = new Map(Object.entries(places))
  for (const [tensor, file] of files) {
    if (!isShardName(file)) {
      return yield* fault(
        tensor,
        `is said to be in ${JSON.stringify(file)}, which is no safetensors file beside the index`
      )
    }
  }
  if (files.size === 0) return yield* fault("weight_map", "names no tensor")
  return files
})

/** The name of shard `index` (0-based) of several, as HuggingFace writes it. */
export const shardName = (index: number, count: number): string => {
  const digits = (value: number) => String(value).padStart(5, "0")
  return `model-${digits(index + 1)}-of-${digits(count)}.safetensors`
}
