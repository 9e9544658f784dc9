/** An adapter on disk: a PEFT directory whose config and tensors fit each other and the base model. */
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { readHeader, type SafetensorsHeader } from "../../../artifacts/Safetensors.ts"
import type { TensorData } from "../../onnx/TensorData.ts"
import { CheckpointError } from "../checkpoint/CheckpointError.ts"
import { readJson } from "../checkpoint/CheckpointFile.ts"
import { isStoredType, readWeights, storedTypes } from "../checkpoint/WeightFile.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { type AdapterConfig, adapterTensors } from "./AdapterConfig.ts"
import { decodeAdapterConfig } from "./AdapterConfigJson.ts"

export interface Adapter {
  readonly directory: string
  readonly config: AdapterConfig
  /** A and B of every adapted module, float32, by the names of `adapterTensors`. */
  readonly values: ReadonlyMap<string, TensorData>
}

export const ADAPTER_CONFIG = "adapter_config.json"
export const ADAPTER_WEIGHTS = "adapter_model.safetensors"

/** What PEFT's wrapper puts before the model's own names. */
export const PREFIX = "base_model.model."

/** Opens a PEFT directory and checks it against the model it is to adapt. */
export const openAdapter = Effect.fn("Adapter.open")(function*(directory: string, model: ModelConfig) {
  const content = yield* readJson(directory, ADAPTER_CONFIG)
  const header = yield* readHeader(join(directory, ADAPTER_WEIGHTS))
  const bare = [...header.tensors.keys()].find((name) => !name.startsWith(PREFIX))
  if (bare !== undefined) {
    return yield* new CheckpointError({
      path: header.path,
      place: bare,
      problem: `does not begin with ${PREFIX}, as the tensors of an adapter of a language model do`,
      remedy: "Save the adapter again with PEFT's save_pretrained."
    })
  }
  const unprefixed = (name: string) => name.slice(PREFIX.length)
  const tensors = new Map([...header.tensors].map(([name, tensor]) => [unprefixed(name), tensor]))
  const stored = new Set([...tensors.keys()].map((name) => name.replace(/\.lora_[AB]\.weight$/, "")))
  const config = yield* decodeAdapterConfig(join(directory, ADAPTER_CONFIG), content, model, stored)
  yield* checkTensors({ ...header, tensors }, model, config)
  const read = yield* readWeights(header)
  const values = new Map([...read].map(([name, value]) => [unprefixed(name), value]))
  const adapter: Adapter = { directory, config, values }
  return adapter
})

/** Every tensor of the config, with its shape, in a type that can be read; and no other. */
const checkTensors = Effect.fnUntraced(
  function*({ path, tensors }: SafetensorsHeader, model: ModelConfig, config: AdapterConfig) {
    const fault = (place: string, problem: string, remedy: string) =>
      new CheckpointError({ path, place: `${PREFIX}${place}`, problem, remedy })
    const expected = adapterTensors(model, config)
    for (const [name, shape] of expected) {
      const tensor = tensors.get(name)
      if (tensor === undefined) {
        return yield* fault(name, "is missing", `Save the adapter again with PEFT; ${ADAPTER_CONFIG} asks for it.`)
      }
      if (tensor.shape.join() !== shape.join()) {
        return yield* fault(
          name,
          `has shape [${tensor.shape}], and rank ${config.rank} on this base model asks for [${shape}]`,
          "Use the base model that the adapter was trained on."
        )
      }
      if (!isStoredType(tensor.dtype)) {
        const types = Object.keys(storedTypes).join(", ")
        return yield* fault(name, `is of type ${tensor.dtype}`, `Adapters may be ${types}; save it in one of these.`)
      }
    }
    for (const name of tensors.keys()) {
      if (!expected.has(name)) {
        return yield* fault(
          name,
          "is a tensor that a LoRA adapter of this base model does not have",
          "gemflow reads lora_A and lora_B of the linear layers; use the base model that the adapter was trained on."
        )
      }
    }
  }
)
