/** What contestants are told to do, and what they show so that the row can see that all did the same. */

export interface Optimiser {
  readonly learningRate: number
  readonly weightDecay: number
  readonly clip: number
  readonly betas: readonly [number, number]
  readonly epsilon: number
}

export interface TrainJob {
  /** A HuggingFace directory. */
  readonly checkpoint: string
  /** A PEFT directory: train this adapter, not all weights. */
  readonly adapter?: string
  /** Sequences of each optimiser step, all of one length; step i takes batch i modulo their number. */
  readonly batches: ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>>
  readonly optimiser: Optimiser
  /** Measured steps of a repetition. */
  readonly steps: number
  /** Steps before those, from the checkpoint's weights; their losses are the check. */
  readonly warmup: number
  readonly threads: number
}

export interface TrainCheck {
  readonly losses: ReadonlyArray<number>
}

export interface SampleJob {
  readonly checkpoint: string
  readonly prompts: ReadonlyArray<ReadonlyArray<number>>
  /** Per prompt. */
  readonly candidates: number
  readonly newTokens: number
  /** Tokens generated greedily, one candidate per prompt, for the check. */
  readonly greedyTokens: number
  readonly threads: number
}

export interface SampleCheck {
  /** Per prompt. */
  readonly greedy: ReadonlyArray<ReadonlyArray<number>>
}

export interface RoundJob {
  readonly checkpoint: string
  readonly prompts: ReadonlyArray<ReadonlyArray<number>>
  readonly candidates: number
  readonly newTokens: number
  /** Responses of the first prompts, candidate by candidate, that are scored and trained on for the check. */
  readonly given: ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>>
  readonly optimiser: Optimiser
  readonly threads: number
}

export interface RoundCheck {
  /** Entropy scores of the given responses. */
  readonly scores: ReadonlyArray<number>
  readonly loss: number
  readonly gradNorm: number
}
