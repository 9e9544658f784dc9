import { mul, neg } from "../../onnx/ops/Arithmetic.ts"
import { reduceSum } from "../../onnx/ops/Reduce.ts"
import type { WeightedSequence } from "../SequenceBatch.ts"
import type { Objective, TrainItem } from "../train/Objective.ts"

/**
 * Weighted negative log-likelihood: L = - sum_i w_i sum_t log pi(response_it | ...). With w = 1 / tokens it is
 * supervised fine-tuning, with an advantage over the group's size it is SEGA (GEM, arXiv 2511.13007). Any normaliser
 * belongs in the weights.
 */
export const weightedNll: Objective = {
  name: "weighted-nll",
  sequencesPerItem: 1,
  reads: "responses",
  values: { weight: "sequence" },
  loss: ({ logProbs, sumBySequence }, values) => ({
    loss: neg(reduceSum(mul(values("weight"), sumBySequence(logProbs()))))
  })
}

export const weightedItem = ({ prompt, response, weight }: WeightedSequence): TrainItem => ({
  sequences: [{ prompt, response }],
  values: { weight: [weight] }
})
