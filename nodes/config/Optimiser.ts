/** The config fields of nodes that train: AdamW (Loshchilov and Hutter 2019) with a learning-rate schedule and clipping. */
import * as Schema from "effect/Schema"
import { outsideKey } from "gemflow"
import { Count, Natural, NonNegative, optional, Positive, ProbabilityBelowOne, Seed } from "./Field.ts"

export const optimiserFields = {
  epochs: optional(Count, 1, "Passes over the data."),
  learning_rate: optional(Positive, 1e-5, "Largest learning rate; 1e-5 in the paper."),
  schedule: optional(
    Schema.Literals(["constant", "linear", "cosine"]),
    "constant",
    "How the learning rate moves after warm-up: not at all, or down to 0 along a line or a half cosine."
  ),
  warmup_steps: optional(Natural, 0, "Steps in which the learning rate rises linearly to its largest."),
  weight_decay: optional(NonNegative, 0, "AdamW's decoupled decay of weight matrices."),
  clip: optional(Positive, 1, "Largest global gradient norm; 1.0 in the paper."),
  beta1: optional(ProbabilityBelowOne, 0.9, "AdamW: decay of the mean of gradients."),
  beta2: optional(ProbabilityBelowOne, 0.999, "AdamW: decay of the mean of squared gradients."),
  epsilon: optional(Positive, 1e-8, "AdamW: added to the root of the mean of squared gradients."),
  seed: optional(Seed, 0, "Order of the data, another one in each epoch; a new adapter's first values, and dropout."),
  micro_batch_tokens: optional(
    Count,
    4096,
    "Padded tokens of one forward and backward pass; a step of more is cut and its gradients added up. Lower it where "
      + "memory is short."
  ),
  recompute: optional(
    Schema.Boolean,
    false,
    "Keep only what is between layers for the backward pass and compute each layer again: less memory, a third more work."
  ),
  save_every_steps: outsideKey(optional(
    Natural,
    20,
    "A run that is killed continues after the last step that is a multiple of this. Saving writes three times what is "
      + "trained to the store; 0 saves nothing."
  ))
}

const Optimiser = Schema.Struct(optimiserFields)

/** The optimiser's part of a request to train. */
export const optimiserOf = (config: typeof Optimiser.Type) => ({
  learningRate: config.learning_rate,
  schedule: config.schedule,
  warmupSteps: config.warmup_steps,
  weightDecay: config.weight_decay,
  clip: config.clip,
  betas: [config.beta1, config.beta2] as const,
  epsilon: config.epsilon,
  microBatchTokens: config.micro_batch_tokens,
  recompute: config.recompute,
  seed: config.seed,
  saveEverySteps: config.save_every_steps
})
