/** What DPO and IPO share: a chosen and a rejected response, compared with what a reference policy thinks of them. */
import type { Tensor } from "../../onnx/Graph.ts"
import { mul, sub } from "../../onnx/ops/Arithmetic.ts"
import { reduceSum } from "../../onnx/ops/Reduce.ts"
import type { Sequence } from "../SequenceBatch.ts"
import type { Forward, Objective, TrainItem } from "../train/Objective.ts"
import { exceeds, sequenceAt, weighted } from "./OverItems.ts"

export interface PreferencePair {
  readonly chosen: Sequence
  readonly rejected: Sequence
  /** sum_t log pi_ref(token t) of each response, in nats, as `score` of the reference policy gives them. */
  readonly reference: { readonly chosen: number; readonly rejected: number }
}

/** The pairs of one optimiser step; its loss and metrics are means over them. */
export const preferenceItems = (pairs: ReadonlyArray<PreferencePair>): ReadonlyArray<TrainItem> => {
  const tokens = { chosen: 0, rejected: 0 }
  for (const { chosen, rejected } of pairs) {
    tokens.chosen += chosen.response.length
    tokens.rejected += rejected.response.length
  }
  return pairs.map(({ chosen, reference, rejected }) => ({
    sequences: [chosen, rejected],
    values: {
      reference: [reference.chosen, reference.rejected],
      weight: 1 / pairs.length,
      sideTokenWeight: [1 / tokens.chosen, 1 / tokens.rejected],
      tokenWeight: 1 / (tokens.chosen + tokens.rejected)
    }
  }))
}

/** Of each pair, [items]: d(y) = log pi(y) - log pi_ref(y), summed over the response's tokens, and how many these are. */
export interface Compared {
  readonly chosen: Tensor
  readonly rejected: Tensor
  readonly chosenTokens: Tensor
  readonly rejectedTokens: Tensor
}

export interface PreferenceOptions {
  /** beta > 0: a reward is beta d(y). */
  readonly beta: number
  /**
   * Report as well what TRL reports of the distributions behind the tokens: their entropies, and the means of their logits.
   * Costs one more product with the language-model head's mean row. Default false.
   */
  readonly distributions?: boolean
}

/**
 * A loss of such pairs, with the metrics of TRL's DPOTrainer.
 *
 * @param lossOf the loss of each pair, [items].
 */
export const preferenceObjective = (
  name: string,
  { beta, distributions = false }: PreferenceOptions,
  lossOf: (compared: Compared) => Tensor
): Objective => ({
  name: `${name} beta=${beta} distributions=${distributions}`,
  sequencesPerItem: 2,
  reads: "responses",
  values: { reference: "sequence", weight: "item", sideTokenWeight: "sequence", tokenWeight: "item" },
  loss: (forward, values) => {
    const logProbs = forward.sumBySequence(forward.logProbs())
    const ratios = sub(logProbs, values("reference"))
    const [chosen, rejected] = [sequenceAt(ratios, 0), sequenceAt(ratios, 1)]
    const tokens = forward.tokenCounts()
    const mean = (each: Tensor) => weighted(values("weight"), each)
    return {
      loss: mean(
        lossOf({ chosen, rejected, chosenTokens: sequenceAt(tokens, 0), rejectedTokens: sequenceAt(tokens, 1) })
      ),
      metrics: {
        "rewards/chosen": mul(mean(chosen), beta),
        "rewards/rejected": mul(mean(rejected), beta),
        "rewards/margins": mul(mean(sub(chosen, rejected)), beta),
        "rewards/accuracies": mean(exceeds(chosen, rejected)),
        "logps/chosen": mean(sequenceAt(logProbs, 0)),
        "logps/rejected": mean(sequenceAt(logProbs, 1)),
        ...(distributions && distributionMetrics(forward, values))
      }
    }
  }
})

/** Means over tokens: of the entropies of both responses, and of the mean logits of each. */
const distributionMetrics = (forward: Forward, values: (name: string) => Tensor): Readonly<Record<string, Tensor>> => {
  const entropies = reduceSum(forward.sumBySequence(forward.entropies()), { axes: [1] })
  const logits = mul(forward.sumBySequence(forward.meanLogits()), values("sideTokenWeight"))
  return {
    entropy: weighted(values("tokenWeight"), entropies),
    "logits/chosen": reduceSum(sequenceAt(logits, 0)),
    "logits/rejected": reduceSum(sequenceAt(logits, 1))
  }
}
