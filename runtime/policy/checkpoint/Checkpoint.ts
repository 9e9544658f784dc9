/** A checkpoint on disk: a HuggingFace directory whose config and weights fit each other. */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { readHeader, type SafetensorsError, type SafetensorsHeader } from "../../../artifacts/Safetensors.ts"
import type { TensorData } from "../../onnx/TensorData.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { modelTensors } from "../model/ModelTensors.ts"
import { fixedWeights, type WeightSource } from "../model/Weights.ts"
import { CheckpointError } from "./CheckpointError.ts"
import { readJson } from "./CheckpointFile.ts"
import { decodeConfig } from "./ConfigJson.ts"
import { isStoredType, readWeights, storedTypes } from "./WeightFile.ts"

export interface Checkpoint {
  readonly directory: string
  readonly config: ModelConfig
  /** The parsed config.json, to be written again as it was. */
  readonly configJson: object
  /**
   * Weights for programs that only read them. A float32 file is read by onnxruntime itself, in place; other types are
   * converted in memory once.
   */
  readonly source: WeightSource
  /** All weights as float32, in memory of their own at each call. */
  readonly load: Effect.Effect<ReadonlyMap<string, TensorData>, SafetensorsError>
}

export const WEIGHTS_FILE = "model.safetensors"

/** Opens a directory and checks every tensor against the config. */
export const openCheckpoint = Effect.fn("Checkpoint.open")(function*(directory: string) {
  const configJson = yield* readJson(directory, "config.json")
  const config = yield* decodeConfig(join(directory, "config.json"), configJson)
  const path = yield* weightsPath(directory)
  const header = yield* readHeader(path)
  yield* checkTensors(config, header)
  const expected = modelTensors(config)
  const weights = { ...header, tensors: new Map([...header.tensors].filter(([name]) => expected.has(name))) }
  const load = readWeights(weights)
  const inPlace = [...weights.tensors.values()].every(({ dtype }) => dtype === "F32")
  const converted = inPlace ? new Map<string, TensorData>() : yield* load
  const source = fixedWeights(config, (name) => {
    const { length, offset } = weights.tensors.get(name) ?? { length: 0, offset: 0 }
    return converted.get(name) ?? { location: WEIGHTS_FILE, offset, length }
  })
  const checkpoint: Checkpoint = { directory, config, configJson: Object(configJson), source, load }
  return checkpoint
})

const weightsPath = Effect.fnUntraced(function*(directory: string) {
  const path = join(directory, WEIGHTS_FILE)
  if (existsSync(path)) return path
  const sharded = existsSync(`${path}.index.json`)
  return yield* new CheckpointError({
    path,
    place: "",
    problem: sharded ? "does not exist, only its shards and their index do" : "does not exist",
    remedy: sharded
      ? "Shards are not read yet; load and save the model with transformers and a large max_shard_size."
      : "A checkpoint holds its weights in model.safetensors; convert other formats with transformers' save_pretrained."
  })
})

/** Every tensor of the architecture, with its shape, in a type that can be read. */
const checkTensors = Effect.fnUntraced(
  function*(config: ModelConfig, { path, tensors }: SafetensorsHeader) {
    const fault = (place: string, problem: string) =>
      new CheckpointError({ path, place, problem, remedy: "Use weights and config.json that were saved together." })
    const expected = modelTensors(config)
    for (const [name, shape] of expected) {
      const tensor = tensors.get(name)
      if (tensor === undefined) return yield* fault(name, "is missing")
      if (tensor.shape.join() !== shape.join()) {
        return yield* fault(name, `has shape [${tensor.shape}], and config.json asks for [${shape}]`)
      }
      if (!isStoredType(tensor.dtype)) {
        return yield* new CheckpointError({
          path,
          place: name,
          problem: `is of type ${tensor.dtype}`,
          remedy: `Weights may be ${Object.keys(storedTypes).join(", ")}; save the model in one of these.`
        })
      }
    }
    for (const name of tensors.keys()) {
      if (!expected.has(name) && !ignored.test(name)) {
        return yield* fault(name, "is a tensor that the architecture of config.json does not have")
      }
    }
  }
)

/** Stored by some writers though they are derived: rotary frequencies, and the head of tied embeddings. */
const ignored = /(\.rotary_emb\.inv_freq|^lm_head\.weight)$/
