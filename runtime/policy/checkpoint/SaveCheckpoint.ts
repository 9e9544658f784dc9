/** Writes weights as a HuggingFace directory that transformers loads. */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { copyFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type TensorShape, writePieces } from "../../../artifacts/Safetensors.ts"
import { rawBytes, type TensorData } from "../../onnx/TensorData.ts"
import { SCORE_HEAD, withScoreHead } from "../model/Heads.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { modelTensors } from "../model/ModelTensors.ts"
import type { Checkpoint } from "./Checkpoint.ts"
import { CheckpointError } from "./CheckpointError.ts"
import { withDtype, withField } from "./ConfigText.ts"
import { INDEX_FILE, shardName, WEIGHTS_FILE } from "./ShardIndex.ts"
import { writeValueHead } from "./ValueHeadFile.ts"
import { wholeDirectory } from "./WholeDirectory.ts"

/** Files of a checkpoint beside its weights and config.json, copied byte by byte where they exist. */
export const companionFiles = [
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "tokenizer.model",
  "generation_config.json"
] as const

export const copyCompanions = async (from: string, folder: string): Promise<void> => {
  for (const file of companionFiles) {
    if (existsSync(join(from, file))) await copyFile(join(from, file), join(folder, file))
  }
}

/** Bytes of one file of weights, at most, as HuggingFace writes them: 5 GB. A larger tensor has a file of its own. */
const SHARD_BYTES = 5_000_000_000

/** Gives the weights one after the other, float32. */
export type WeightReader<E> = (name: string) => Effect.Effect<TensorData, E>

/**
 * The checkpoint's config and tokenizer with other weights. With a score head among them it becomes a reward model, which
 * transformers loads for sequence classification; a value head is written to a file of its own.
 */
export const saveCheckpoint = (checkpoint: Checkpoint, weights: ReadonlyMap<string, TensorData>, directory: string) => {
  const written = weights.has(SCORE_HEAD) ? rewardModelOf(checkpoint) : checkpoint
  return saveWeights(written, readerOf(weights), directory, weights)
}

/** The checkpoint described as a reward model; whose score head it is, the caller knows. */
export const rewardModelOf = (checkpoint: Checkpoint): Checkpoint => {
  if (checkpoint.config.scoreHead === true) return checkpoint
  const config = withScoreHead(checkpoint.config)
  const fields = {
    architectures: [config.architecture],
    // How config.json says that there is one label, hence one score.
    id2label: { 0: "LABEL_0" },
    label2id: { LABEL_0: 0 }
  }
  const configText = Object.entries(fields).reduce(
    (text, [name, value]) => withField(text, name, value),
    checkpoint.configText
  )
  return { ...checkpoint, config, configText }
}

/** The same, of weights of which one at a time is in memory. */
export const saveWeights = <E>(
  checkpoint: Checkpoint,
  read: WeightReader<E>,
  directory: string,
  heads: ReadonlyMap<string, TensorData> = new Map()
) =>
  writeCheckpoint({
    directory,
    heads,
    config: checkpoint.config,
    read,
    companions: checkpoint.directory,
    // They are written as float32, and config.json has to say so, or they would be loaded in another type.
    configText: withDtype(checkpoint.configText, "float32")
  })

const readerOf = (weights: ReadonlyMap<string, TensorData>): WeightReader<CheckpointError> => (name) => {
  const weight = weights.get(name)
  if (weight !== undefined) return Effect.succeed(weight)
  const remedy = "Give every tensor of the architecture."
  return Effect.fail(new CheckpointError({ path: WEIGHTS_FILE, place: name, problem: "was not given", remedy }))
}

/**
 * Writes a checkpoint directory whole or not at all: model.safetensors, or shards with their index.
 *
 * @param companions the directory that tokenizer and generation files are copied from.
 * @param shardBytes what one file of weights may hold.
 */
export const writeCheckpoint = Effect.fn("Checkpoint.write")(function*<E>(options: {
  readonly directory: string
  readonly config: ModelConfig
  readonly read: WeightReader<E>
  readonly companions: string
  readonly configText: string
  /** May hold a value head. */
  readonly heads?: ReadonlyMap<string, TensorData>
  readonly shardBytes?: number
}) {
  const { companions, config, configText, directory, heads, read, shardBytes = SHARD_BYTES } = options
  const shards = shardsOf(modelTensors(config), shardBytes)
  yield* wholeDirectory(directory, (folder, attempt) =>
    Effect.gen(function*() {
      yield* attempt(async () => {
        await writeFile(join(folder, "config.json"), configText)
        await copyCompanions(companions, folder)
        if (shards.size > 1) await writeFile(join(folder, INDEX_FILE), indexText(shards))
      })
      for (const [file, tensors] of shards) yield* writeShard(join(folder, file), tensors, read)
      if (heads !== undefined) yield* writeValueHead(folder, heads)
    }))
})

/** "format: pt" is what transformers asks for. */
const writeShard = <E>(path: string, tensors: ReadonlyMap<string, TensorShape>, read: WeightReader<E>) =>
  writePieces(path, tensors, (name, put) => Effect.flatMap(read(name), (weight) => put(rawBytes(weight))), {
    format: "pt"
  })

type Shapes = ReadonlyMap<string, TensorShape>

/** The tensors of each file, in the order of the architecture: a file is begun when the next tensor no longer fits. */
const shardsOf = (tensors: ReadonlyMap<string, ReadonlyArray<number>>, limit: number): ReadonlyMap<string, Shapes> => {
  const shards: Array<Map<string, TensorShape>> = []
  let bytes = Infinity
  for (const [name, shape] of tensors) {
    const size = byteLength(shape)
    if (bytes + size > limit) {
      shards.push(new Map())
      bytes = 0
    }
    bytes += size
    shards.at(-1)?.set(name, { dtype: "F32", shape })
  }
  const [only, ...others] = shards
  if (only !== undefined && others.length === 0) return new Map([[WEIGHTS_FILE, only]])
  return new Map(shards.map((shard, index) => [shardName(index, shards.length), shard]))
}

const byteLength = (shape: ReadonlyArray<number>): number => shape.reduce((count, size) => count * size, 4)

const indexText = (shards: ReadonlyMap<string, Shapes>): string => {
  const places = [...shards].flatMap(([file, tensors]) =>
    [...tensors].map(([name, { shape }]) => ({ name, file, shape }))
  )
  const weightMap = Object.fromEntries(places.map(({ file, name }) => [name, file]))
  const total = places.reduce((sum, { shape }) => sum + byteLength(shape), 0)
  return `${JSON.stringify({ metadata: { total_size: total }, weight_map: weightMap }, null, 2)}\n`
}
