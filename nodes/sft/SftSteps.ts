/**
 * The optimiser steps of supervised fine-tuning: the loss of a step is the mean negative log-likelihood of the response
 * tokens of its batch,
 *
 *     L = -(1/N) sum_i sum_t log pi(a_it | q_i, a_i,<t),    N the response tokens of the batch
 *
 * which makes 1/N the weight of each sequence. Prompt and padding carry no loss.
 */
import { epochBatches } from "../statistics/EpochBatches.ts"

export interface SftSequence {
  readonly prompt: Int32Array
  readonly response: Int32Array
}

export interface SftOptions {
  /** Pairs per step; the last step of an epoch may have fewer. */
  readonly batch_pairs: number
  readonly epochs: number
  /** Seeds the order of the pairs, another one in each epoch. */
  readonly seed: number
}

/** The weighted sequences of each step. */
export const sftSteps = (sequences: ReadonlyArray<SftSequence>, options: SftOptions) =>
  epochBatches(sequences, options.batch_pairs, options).map(meanOverTokens)

/** A batch weighted so that the loss of its step is a mean over its response tokens. */
export const meanOverTokens = (batch: ReadonlyArray<SftSequence>) => {
  const tokens = batch.reduce((sum, { response }) => sum + response.length, 0)
  return batch.map(({ prompt, response }) => ({ prompt, response, weight: 1 / tokens }))
}
