/** What training minimises: the seam between the training programs and the losses of runtime/policy/loss. */
import type { Tensor } from "../../onnx/Graph.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import type { Sequence } from "../SequenceBatch.ts"

/** A value per response token, per sequence, or one for the whole item. */
export type Extent = "prediction" | "sequence" | "item"

/** What a loss is computed from. Nothing that a loss does not read is computed. */
export interface Forward {
  /** log pi of each response token, nats: float32 [predictions], 0 in padding. */
  readonly logProbs: () => Tensor
  /** Entropy of each response token's distribution, nats: float32 [predictions]. Take no gradient of it. */
  readonly entropies: () => Tensor
  /** The mean over the vocabulary of the logits that each response token was predicted from: float32 [predictions]. Take no gradient of it. */
  readonly meanLogits: () => Tensor
  /** What the language-model head reads, at the positions of the objective: float32 [predictions, hiddenSize]. */
  readonly hidden: () => Tensor
  /** Adds up a value per prediction over each sequence: [predictions] to [items, sequencesPerItem]. */
  readonly sumBySequence: (values: Tensor) => Tensor
  /** How many predictions each sequence has, 0 where an item lacks one: float32 [items, sequencesPerItem]. */
  readonly tokenCounts: () => Tensor
  /** A further trained tensor of the objective (`heads`), float32. */
  readonly head: (name: string) => Tensor
}

/**
 * A loss that is a *sum over items*, each with its own normaliser among its values, so that the micro-batches of a step,
 * and the devices that share it, simply add up.
 */
export interface Objective {
  /** Names the loss and its constants ("dpo beta=0.1"): objectives of equal names build equal programs. */
  readonly name: string
  /** Sequences that an item compares. */
  readonly sequencesPerItem: number
  /** An item may have as few as these; what is missing has no predictions and values of 0. Default sequencesPerItem. */
  readonly fewestSequences?: number
  /** Positions with predictions: of every response token, or the last token of each sequence alone. */
  readonly reads: "responses" | "last"
  /** The numbers that come with an item, by name, float32: [predictions], [items, sequencesPerItem] or [items]; 0 in padding. */
  readonly values: Readonly<Record<string, Extent>>
  /**
   * Tensors trained beside the policy, with their shapes: a value head, a reward head (model/Heads.ts). They start as
   * those of the checkpoint, or as zeros where it has none.
   */
  readonly heads?: (config: ModelConfig) => Readonly<Record<string, ReadonlyArray<number>>>
  /** float32 []: the loss; and metrics that add up over items as the loss does. */
  readonly loss: (
    forward: Forward,
    values: (name: string) => Tensor
  ) => { readonly loss: Tensor; readonly metrics?: Readonly<Record<string, Tensor>> }
}

/** What one item trains on. */
export interface TrainItem {
  readonly sequences: ReadonlyArray<Sequence>
  /** By name: a number for an item, one for each sequence, or for each sequence one for each response token. */
  readonly values: Readonly<Record<string, number | ReadonlyArray<number> | ReadonlyArray<ArrayLike<number>>>>
}
