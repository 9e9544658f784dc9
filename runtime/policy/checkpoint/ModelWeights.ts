/** The stored weights of a model: every tensor that its architecture has, with its shape, in a type that can be read. */
import * as Effect from "effect/Effect"
import { join } from "node:path"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { modelTensors } from "../model/ModelTensors.ts"
import { CheckpointError } from "./CheckpointError.ts"
import { openWeights, type StoredTensor, type StoredWeights } from "./StoredWeights.ts"
import { isStoredType, type StoredType, storedTypes, type WeightType } from "./WeightType.ts"

export interface ModelWeight extends StoredTensor {
  readonly dtype: StoredType
}

export interface ModelWeights extends StoredWeights {
  /** In the order of the architecture. */
  readonly tensors: ReadonlyMap<string, ModelWeight>
  /** The type that most of the weights are stored in. */
  readonly type: WeightType
}

/**
 * Opens the weights and checks headers against the config. Values are not looked at: weights that are NaN or infinite
 * open, and show as log-probs that are not finite.
 */
export const openModelWeights = Effect.fnUntraced(function*(directory: string, config: ModelConfig) {
  const stored = yield* openWeights(directory)
  const [first = ""] = stored.files.keys()
  const fault = (place: string, problem: string, file = first) =>
    new CheckpointError({
      path: join(directory, file),
      place,
      problem,
      remedy: "Use weights and config.json that were saved together."
    })
  const expected = modelTensors(config)
  const tensors = new Map<string, ModelWeight>()
  for (const [name, shape] of expected) {
    const tensor = stored.tensors.get(name)
    if (tensor === undefined) return yield* fault(name, "is missing")
    const { dtype, file } = tensor
    if (tensor.shape.join() !== shape.join()) {
      return yield* fault(name, `has shape [${tensor.shape}], and config.json asks for [${shape}]`, file)
    }
    if (!isStoredType(dtype)) {
      return yield* new CheckpointError({
        path: join(directory, file),
        place: name,
        problem: `is of type ${dtype}`,
        remedy: `Weights may be ${Object.keys(storedTypes).join(", ")}; save the model in one of these.`
      })
    }
    tensors.set(name, { ...tensor, dtype })
  }
  for (const [name, { file }] of stored.tensors) {
    if (!expected.has(name) && !ignored.test(name)) {
      return yield* fault(name, "is a tensor that the architecture of config.json does not have", file)
    }
  }
  const weights: ModelWeights = { ...stored, tensors, type: commonType(tensors) }
  return weights
})

/** Stored by some writers though they are derived: rotary frequencies, and the head of tied embeddings. */
const ignored = /(\.rotary_emb\.inv_freq|^lm_head\.weight)$/

const commonType = (tensors: ReadonlyMap<string, ModelWeight>): WeightType => {
  const counts = { float32: 0, float16: 0, bfloat16: 0 }
  for (const { dtype, shape } of tensors.values()) {
    counts[storedTypes[dtype]] += shape.reduce((count, size) => count * size, 1)
  }
  if (counts.bfloat16 > counts.float16 && counts.bfloat16 > counts.float32) return "bfloat16"
  return counts.float16 > counts.float32 ? "float16" : "float32"
}
