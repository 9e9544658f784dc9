/** What training changes: all weights of the model, or an adapter beside them. */
import type * as Effect from "effect/Effect"
import type { SafetensorsError } from "../../../artifacts/Safetensors.ts"
import type { Graph, Tensor } from "../../onnx/Graph.ts"
import type { TensorData } from "../../onnx/TensorData.ts"
import type { Checkpoint } from "../checkpoint/Checkpoint.ts"
import type { CheckpointError } from "../checkpoint/CheckpointError.ts"
import { saveCheckpoint } from "../checkpoint/SaveCheckpoint.ts"
import { modelTensors } from "../model/ModelTensors.ts"
import { type Weights, weightsFrom } from "../model/Weights.ts"

export interface Trainable {
  /** Names and shapes of the trained tensors. */
  readonly tensors: ReadonlyMap<string, ReadonlyArray<number>>
  /** Their first values, float32, in memory of their own at each call. */
  readonly initial: Effect.Effect<ReadonlyMap<string, TensorData>, CheckpointError | SafetensorsError>
  /**
   * The weights of the forward pass, made of the trained tensors and of whatever stays fixed.
   *
   * @param state a trained tensor by its name, float32, as it is at this step.
   * @param dropoutKey int32 [], another one for each micro-batch; called only where dropout is wanted.
   */
  readonly weights: (program: Graph, state: (name: string) => Tensor, dropoutKey: () => Tensor) => Weights
  /** What `save` writes: a HuggingFace directory, or a PEFT directory with the adapter alone. */
  readonly format: "checkpoint" | "adapter"
  readonly save: (
    values: ReadonlyMap<string, TensorData>,
    directory: string
  ) => Effect.Effect<void, CheckpointError | SafetensorsError>
}

/** All weights of a checkpoint. */
export const allWeights = (checkpoint: Checkpoint): Trainable => ({
  tensors: modelTensors(checkpoint.config),
  initial: checkpoint.load,
  weights: (_, state) => weightsFrom(checkpoint.config, state),
  format: "checkpoint",
  save: (values, directory) => saveCheckpoint(checkpoint, values, directory)
})
