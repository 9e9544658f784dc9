/** Reward models: a score for a whole response, read off its last token. */
import type { Tensor } from "../../onnx/Graph.ts"
import { add, mul, neg, softplus, square, sub } from "../../onnx/ops/Arithmetic.ts"
import { flatten } from "../../onnx/ops/Layout.ts"
import { linear } from "../../onnx/ops/MatMul.ts"
import { SCORE_HEAD } from "../model/Heads.ts"
import type { Sequence } from "../SequenceBatch.ts"
import type { Objective, TrainItem } from "../train/Objective.ts"
import { exceeds, sequenceAt, weighted } from "./OverItems.ts"

export interface RewardPair {
  readonly chosen: Sequence
  readonly rejected: Sequence
  /** By how much the chosen response should at least score higher (Touvron et al. 2023, Llama 2). Default 0. */
  readonly margin?: number
}

/** The pairs of one optimiser step; its loss and metrics are means over them. */
export const rewardItems = (pairs: ReadonlyArray<RewardPair>): ReadonlyArray<TrainItem> =>
  pairs.map(({ chosen, margin = 0, rejected }) => ({
    sequences: [chosen, rejected],
    values: { margin, weight: 1 / pairs.length }
  }))

/**
 * A Bradley-Terry reward model (Ouyang et al. 2022, equation 1), the mean over pairs of
 *
 *     - log sigmoid(s(chosen) - s(rejected) - margin)
 *
 * where s is `score.weight` [1, hiddenSize] times the hidden state of a sequence's last token: the head of transformers'
 * ForSequenceClassification with one label, trained with the policy's weights and saved in its format. The
 * language-model head is not read. Metrics are those of TRL's RewardTrainer that are means.
 *
 * @param options.centerCoefficient adds coefficient * (s(chosen) + s(rejected))^2, which keeps scores around 0
 *   (Eisenstein et al. 2023). Default 0.
 */
export const bradleyTerry = (options: { readonly centerCoefficient?: number } = {}): Objective => {
  const { centerCoefficient = 0 } = options
  return {
    name: `bradley-terry centerCoefficient=${centerCoefficient}`,
    sequencesPerItem: 2,
    reads: "last",
    values: { margin: "item", weight: "item" },
    heads: ({ hiddenSize }) => ({ [SCORE_HEAD]: [1, hiddenSize] }),
    loss: (forward, values) => {
      const scores = forward.sumBySequence(flatten(linear(forward.hidden(), forward.head(SCORE_HEAD)), 0))
      const [chosen, rejected] = [sequenceAt(scores, 0), sequenceAt(scores, 1)]
      const difference = sub(chosen, rejected)
      const both = add(chosen, rejected)
      const mean = (each: Tensor) => weighted(values("weight"), each)
      return {
        loss: mean(add(softplus(neg(sub(difference, values("margin")))), mul(square(both), centerCoefficient))),
        metrics: {
          accuracy: mean(exceeds(chosen, rejected)),
          margin: mean(difference),
          mean_reward: mul(mean(both), 0.5)
        }
      }
    }
  }
}
