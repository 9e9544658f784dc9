/** What a policy can do: the interface that nodes use. `OpenPolicy.ts` makes one from a checkpoint directory. */
import type * as Effect from "effect/Effect"
import type { AdapterConfig } from "./adapter/AdapterConfig.ts"
import type { GenerationDefaults } from "./checkpoint/GenerationConfig.ts"
import type { WeightType } from "./checkpoint/WeightType.ts"
import type { EngineError } from "./Engine.ts"
import type { ModelConfig } from "./model/ModelConfig.ts"
import type { PolicyRequestError, TrainingDiverged } from "./PolicyError.ts"
import type { Sequence } from "./SequenceBatch.ts"
import type { PolicyTokenizer } from "./tokenizer/PolicyTokenizer.ts"
import type { Schedule } from "./train/LearningRate.ts"
import type { Objective, TrainItem } from "./train/Objective.ts"

export interface Prompt {
  /** Keys the sampling noise, with the seed and the candidate's index. */
  readonly id: string
  readonly tokens: Int32Array
}

/** Work done so far, of work to do: candidates generated, sequences scored. */
export type OnProgress = (done: number, total: number) => Effect.Effect<void>

export interface GenerateRequest {
  readonly prompts: ReadonlyArray<Prompt>
  /** Candidates per prompt. */
  readonly candidates: number
  /** Divides the logits before sampling; 0 takes the likeliest token. */
  readonly temperature: number
  /** Sample among the likeliest tokens whose probabilities reach topP together; 1 keeps all. */
  readonly topP: number
  /** Sample among the topK likeliest tokens; absent keeps all. */
  readonly topK?: number
  readonly maxNewTokens: number
  readonly seed: number
  readonly onProgress?: OnProgress
}

export interface Generation {
  readonly promptId: string
  /** Index of the candidate among those of its prompt. */
  readonly candidate: number
  /** Response tokens, the end-of-sequence token included when it was emitted; never padding. */
  readonly tokens: Int32Array
  /** log pi of each token, in nats, under the raw logits (temperature 1, no truncation). */
  readonly logProbs: Float32Array
  /** Entropy of each token's distribution, in nats, over the raw logits. */
  readonly entropies: Float32Array
  /** Ended by an end-of-sequence token, not by the length limit. */
  readonly finished: boolean
}

export interface ScoreRequest {
  readonly sequences: ReadonlyArray<Sequence>
  readonly onProgress?: OnProgress
}

/** Per response token, in nats. */
export interface Score {
  readonly logProbs: Float32Array
  readonly entropies: Float32Array
}

export interface TrainRequest {
  /** What is minimised: `weightedNll` and the other losses of runtime/policy/loss. */
  readonly objective: Objective
  /**
   * Trains an adapter of this form over weights that stay as they are. A policy that has an adapter trains that one, and
   * may be asked for one of the same form only (its dropout may differ).
   */
  readonly adapter?: AdapterConfig
  /** The items of each optimiser step. The loss of a step is the sum over its items, whose values carry any normaliser. */
  readonly steps: ReadonlyArray<ReadonlyArray<TrainItem>>
  readonly learningRate: number
  readonly schedule: Schedule
  readonly warmupSteps: number
  /** AdamW's decoupled decay; applied to matrices, not to the one-dimensional norm weights. */
  readonly weightDecay: number
  /** Largest global gradient norm. */
  readonly clip: number
  readonly betas: readonly [number, number]
  readonly epsilon: number
  /**
   * Keep only the hidden states between layers for the backward pass, and compute each layer again: less memory for a third
   * more computation. Default false.
   */
  readonly recompute?: boolean
  /** Padded tokens of one micro-batch at most: a step of more is cut, its gradients added up. Default: the policy's limits. */
  readonly microBatchTokens?: number
  /** Seeds a new adapter's first values, and dropout. Default 0. */
  readonly seed?: number
  /** Keep the state of training in this directory every so many steps, and continue from the state found there. */
  readonly resume?: { readonly directory: string; readonly everySteps: number }
  readonly onStep?: (step: TrainStep) => Effect.Effect<void>
  /** Looks at items that are not trained on, such as held-out pairs, as training goes. */
  readonly evaluate?: EvaluateRequest
}

/**
 * A loss to be computed of the weights before the first step, after every so many, and after the last: without dropout,
 * gradients or any influence on the training.
 */
export interface EvaluateRequest {
  /** May be another than is trained on; a head that it reads must be among those trained. */
  readonly objective: Objective
  /** As those of one step: their values carry any normaliser over all of them. At least one. */
  readonly items: ReadonlyArray<TrainItem>
  readonly everySteps: number
}

export interface Evaluation {
  /** Optimiser steps taken before it: 0 for the weights that training began with. */
  readonly step: number
  readonly loss: number
  readonly metrics: Readonly<Record<string, number>>
}

export interface TrainStep {
  /** 1-based. */
  readonly step: number
  readonly totalSteps: number
  readonly loss: number
  /** Global norm of the gradient before clipping. */
  readonly gradNorm: number
  /** What the objective reports beside its loss, by TRL's names where there is one. */
  readonly metrics: Readonly<Record<string, number>>
  readonly learningRate: number
  /** Response tokens of the step. */
  readonly tokens: number
}

export interface Trained {
  readonly steps: ReadonlyArray<TrainStep>
  /** By ascending step; empty where none was asked for. */
  readonly evaluations: ReadonlyArray<Evaluation>
  /** What `save` writes: a HuggingFace directory with config and tokenizer, or a PEFT directory with the adapter alone. */
  readonly format: "checkpoint" | "adapter"
  /** Writes what was trained. */
  readonly save: (directory: string) => Effect.Effect<void, EngineError>
}

export interface Policy {
  readonly config: ModelConfig
  readonly tokenizer: PolicyTokenizer
  /** How the checkpoint's makers mean it to be sampled (generation_config.json), and the ids that end a response. */
  readonly generation: GenerationDefaults
  /** The type that its programs compute in. */
  readonly precision: WeightType
  /** Whether it has a value head, as after a training with the objective ppo. */
  readonly hasValueHead: boolean
  /** The adapter beside the weights, where there is one. */
  readonly adapter?: AdapterConfig
  /** Longest sequence, prompt and response together, in tokens. */
  readonly contextLength: number
  /** Number of weights. */
  readonly parameters: number
  /** Candidates of each prompt in request order: prompt by prompt, candidate by candidate. */
  readonly generate: (
    request: GenerateRequest
  ) => Effect.Effect<ReadonlyArray<Generation>, PolicyRequestError | EngineError>
  readonly score: (
    request: ScoreRequest
  ) => Effect.Effect<ReadonlyArray<Score>, PolicyRequestError | EngineError>
  /** What a reward model's score head gives each sequence, read at its last token. */
  readonly rewards: (request: ScoreRequest) => Effect.Effect<Float32Array, PolicyRequestError | EngineError>
  /** What a value head gives each response token, read where that token is predicted: values of PPO. */
  readonly values: (
    request: ScoreRequest
  ) => Effect.Effect<ReadonlyArray<Float32Array>, PolicyRequestError | EngineError>
  /** Leaves the policy as it is; the trained weights are reached through `save`. Progress is reported by `onStep`. */
  readonly train: (
    request: TrainRequest
  ) => Effect.Effect<Trained, PolicyRequestError | TrainingDiverged | EngineError>
}
