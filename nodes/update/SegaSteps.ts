/**
 * The optimiser steps of SEGA (GEM, arXiv 2511.13007): the loss of a step over a batch of Q prompts is
 *
 *     L = -(1/Q) sum_q (1/k_q) sum_i w_qi log pi(a_qi | q),    log pi(a | q) = sum_t log pi(a_t | q, a_<t)
 *
 * so its gradient is -(1/Q) sum_q (1/k_q) sum_i w_qi grad log pi(a_qi | q). A policy trains on
 * -sum_i weight_i sum_t log pi(token), which makes the weight of a sequence w_qi / (k_q Q); with `normalise: "token"` it is also
 * divided by the length of the response, which makes log pi the mean over its tokens and takes away the pull towards
 * short responses.
 */
import { epochBatches } from "../statistics/EpochBatches.ts"

/** A candidate with the weight w that the advantage gave it. */
export interface WeightedCandidate {
  readonly prompt: Int32Array
  readonly response: Int32Array
  readonly weight: number
}

export interface SegaOptions {
  /** Prompts per step, Q; the last step of an epoch may have fewer. */
  readonly batch_prompts: number
  readonly epochs: number
  /** Seeds the order of the prompts, another one in each epoch. */
  readonly seed: number
  readonly normalise: "none" | "token"
}

/** What one step trains on: the groups of its prompts, and the weighted sequences that they give. */
export interface SegaBatch<A> {
  readonly groups: ReadonlyArray<ReadonlyArray<A>>
  readonly sequences: ReadonlyArray<WeightedCandidate>
}

/**
 * The weighted sequences of each step. Candidates of weight 0, or without tokens, add nothing to the gradient and are left
 * out, though k counts them; a step without any other has no gradient and is left out too.
 */
export const segaBatches = <A extends WeightedCandidate>(
  groups: ReadonlyArray<ReadonlyArray<A>>,
  options: SegaOptions
): ReadonlyArray<SegaBatch<A>> =>
  epochBatches(groups, options.batch_prompts, options)
    .map((batch) => ({ groups: batch, sequences: batch.flatMap((group) => weightedBy(group, batch.length, options)) }))
    .filter(({ sequences }) => sequences.length > 0)

/** The weighted sequences of each step alone. */
export const segaSteps = (
  groups: ReadonlyArray<ReadonlyArray<WeightedCandidate>>,
  options: SegaOptions
): ReadonlyArray<ReadonlyArray<WeightedCandidate>> => segaBatches(groups, options).map(({ sequences }) => sequences)

const weightedBy = (
  group: ReadonlyArray<WeightedCandidate>,
  prompts: number,
  { normalise }: SegaOptions
): ReadonlyArray<WeightedCandidate> =>
  group.filter(({ response, weight }) => weight !== 0 && response.length > 0).map(({ prompt, response, weight }) => ({
    prompt,
    response,
    weight: weight / (group.length * prompts * (normalise === "token" ? response.length : 1))
  }))
