import * as Effect from "effect/Effect"
import type { TensorData } from "../../onnx/TensorData.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import type { WeightSource } from "../model/Weights.ts"
import type { Trainable } from "../train/Trainable.ts"
import { adaptedWeights } from "./AdaptedWeights.ts"
import { type AdapterConfig, adapterTensors } from "./AdapterConfig.ts"
import { saveAdapter } from "./SaveAdapter.ts"

/** An adapter over a base that stays as it is. */
export const trainableAdapter = (options: {
  readonly model: ModelConfig
  /** The base's weights, fixed in the program. */
  readonly base: WeightSource
  readonly adapter: AdapterConfig
  /** First values of A and B, float32. */
  readonly initial: () => ReadonlyMap<string, TensorData>
}): Trainable => {
  const { adapter, base, initial, model } = options
  return {
    tensors: adapterTensors(model, adapter),
    initial: Effect.sync(initial),
    weights: (program, state) => adaptedWeights(base(program), adapter, state),
    format: "adapter",
    save: (values, directory) => saveAdapter(model, adapter, values, directory)
  }
}
