/** What training changes: all weights of the model, or an adapter beside them. */
import * as Effect from "effect/Effect"
import type { SafetensorsError } from "../../../artifacts/Safetensors.ts"
import type { Graph, Tensor } from "../../onnx/Graph.ts"
import type { TensorData } from "../../onnx/TensorData.ts"
import type { Checkpoint } from "../checkpoint/Checkpoint.ts"
import type { CheckpointError } from "../checkpoint/CheckpointError.ts"
import { saveCheckpoint } from "../checkpoint/SaveCheckpoint.ts"
import { readValueHead } from "../checkpoint/ValueHeadFile.ts"
import { SCORE_HEAD, withScoreHead } from "../model/Heads.ts"
import { modelTensors } from "../model/ModelTensors.ts"
import { type Weights, weightsFrom } from "../model/Weights.ts"
import type { Objective } from "./Objective.ts"

export interface Trainable {
  /** Names and shapes of the trained tensors. */
  readonly tensors: ReadonlyMap<string, ReadonlyArray<number>>
  /** Their first values, float32, in memory of their own at each call. */
  readonly initial: Effect.Effect<ReadonlyMap<string, TensorData>, CheckpointError | SafetensorsError>
  /**
   * The weights of the forward pass, made of the trained tensors and of whatever stays fixed.
   *
   * @param state a trained tensor by its name, float32, as it is at this step.
   * @param dropoutKey int32 [], another one for each micro-batch; called only where dropout is wanted. Left out, there is
   *   no dropout.
   */
  readonly weights: (program: Graph, state: (name: string) => Tensor, dropoutKey?: () => Tensor) => Weights
  /** What `save` writes: a HuggingFace directory, or a PEFT directory with the adapter alone. */
  readonly format: "checkpoint" | "adapter"
  /** @param values the trained tensors, and the objective's heads. */
  readonly save: (
    values: ReadonlyMap<string, TensorData>,
    directory: string
  ) => Effect.Effect<void, CheckpointError | SafetensorsError>
}

/** All weights of a checkpoint; for a score head, those without the language-model head that it takes the place of. */
export const allWeights = (checkpoint: Checkpoint, objective: Objective): Trainable => {
  const { config: own, directory, load } = checkpoint
  const config = SCORE_HEAD in (objective.heads?.(own) ?? {}) ? withScoreHead(own) : own
  return {
    tensors: modelTensors(config),
    initial: Effect.gen(function*() {
      return new Map([...yield* load, ...yield* readValueHead(directory, own.hiddenSize)])
    }),
    // Float32 values are trained, whatever type the program computes in.
    weights: (_, state) => weightsFrom(config, state, checkpoint.precision),
    format: "checkpoint",
    save: (values, target) => saveCheckpoint(checkpoint, values, target)
  }
}
