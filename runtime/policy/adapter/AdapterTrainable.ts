import * as Effect from "effect/Effect"
import type { Tensor } from "../../onnx/Graph.ts"
import { dropout } from "../../onnx/ops/Dropout.ts"
import type { TensorData } from "../../onnx/TensorData.ts"
import { readValueHead } from "../checkpoint/ValueHeadFile.ts"
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
  /** Where a value head may lie that was trained before. */
  readonly directory: string
  /** First values of A and B, float32. */
  readonly initial: () => ReadonlyMap<string, TensorData>
}): Trainable => {
  const { adapter, base, directory, initial, model } = options
  return {
    tensors: adapterTensors(model, adapter),
    initial: Effect.map(readValueHead(directory, model.hiddenSize), (head) => new Map([...initial(), ...head])),
    weights: (program, state, dropoutKey) => adaptedWeights(base(program), adapter, state, dropOf(adapter, dropoutKey)),
    format: "adapter",
    save: (values, directory) => saveAdapter(model, adapter, values, directory)
  }
}

/** Each group of layers that read the same x has a mask of its own, another one in each micro-batch. */
const dropOf = ({ dropout: rate }: AdapterConfig, key: (() => Tensor) | undefined) =>
  rate === 0 || key === undefined
    ? undefined
    : (x: Tensor, modules: ReadonlyArray<string>) => dropout(x, { rate, key: key(), place: modules.join() })
