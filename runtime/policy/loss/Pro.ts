/** Preference ranking optimisation: all responses of a ranking at once. */
import { dimAt } from "../../onnx/Broadcast.ts"
import type { Tensor } from "../../onnx/Graph.ts"
import { add, div, maximum, mul, neg, square, sub } from "../../onnx/ops/Arithmetic.ts"
import { range } from "../../onnx/ops/Fill.ts"
import { unsqueeze } from "../../onnx/ops/Layout.ts"
import { and, equal, greater, where } from "../../onnx/ops/Logic.ts"
import { logSumExp, reduceMax, reduceSum } from "../../onnx/ops/Reduce.ts"
import type { Objective, TrainItem } from "../train/Objective.ts"
import { sequenceAt, weighted } from "./OverItems.ts"

export interface RankedResponses {
  readonly prompt: Int32Array
  /** In any order; at least two. */
  readonly responses: ReadonlyArray<{ readonly tokens: Int32Array; readonly reward: number }>
}

/** The rankings of one optimiser step, each best first; its loss and metrics are means over them. */
export const rankingItems = (rankings: ReadonlyArray<RankedResponses>): ReadonlyArray<TrainItem> =>
  rankings.map(({ prompt, responses }) => {
    const ranked = responses.toSorted((a, b) => b.reward - a.reward)
    return {
      sequences: ranked.map(({ tokens }) => ({ prompt, response: tokens })),
      values: { reward: ranked.map(({ reward }) => reward), weight: 1 / rankings.length }
    }
  })

/**
 * Preference ranking optimisation (Song et al. 2023, equations 6 to 9), the mean over rankings y_1 .. y_n, best first, of
 *
 *     ranking = - sum_(k<n) log( exp(p_k / T_k^k) / (exp(p_k / T_k^k) + sum_(i>k) exp(p_i / T_k^i)) )
 *     sft = - sum_t log pi(token t of y_1)          loss = ranking + sftWeight (n - 1)^2 sft
 *
 * with p_k the mean log-prob of y_k's tokens, 1 / T_k^i = r_k - r_i of rewards r, and 1 / T_k^k the largest of them over
 * i > k, as the authors' code has it. Responses of equal reward do not push each other.
 *
 * @param options.candidates the most responses of any ranking; shorter ones are padded to it.
 */
export const pro = (options: { readonly candidates: number; readonly sftWeight: number }): Objective => {
  const { candidates, sftWeight } = options
  return {
    name: `pro candidates=${candidates} sftWeight=${sftWeight}`,
    sequencesPerItem: candidates,
    fewestSequences: 2,
    reads: "responses",
    values: { reward: "sequence", weight: "item" },
    loss: (forward, values) => {
      const logProbs = forward.sumBySequence(forward.logProbs())
      const tokens = forward.tokenCounts()
      const present = greater(tokens, 0)
      const ranking = rankingLoss(div(logProbs, maximum(tokens, 1)), values("reward"), present)
      const others = sub(reduceSum(where(present, 1, mul(tokens, 0)), { axes: [1] }), 1)
      const sft = mul(neg(sequenceAt(logProbs, 0)), mul(square(others), sftWeight))
      const mean = (each: Tensor) => weighted(values("weight"), each)
      return { loss: mean(add(ranking, sft)), metrics: { "loss/ranking": mean(ranking), "loss/sft": mean(sft) } }
    }
  }
}

/** [items] of mean log-probs p, rewards and whether there is such a response, each [items, candidates]. */
const rankingLoss = (p: Tensor, rewards: Tensor, present: Tensor): Tensor => {
  const positions = range(p.graph, "int32", dimAt(p, 1))
  const [k, i] = [unsqueeze(positions, [1]), unsqueeze(positions, [0])]
  const worse = and(greater(i, k), unsqueeze(present, [1]))
  // 1 / T_k^i [items, k, i], and 1 / T_k^k [items, k]: 0 where no response is worse, so that such a k adds log(e^0 / e^0).
  const inverse = where(worse, sub(unsqueeze(rewards, [2]), unsqueeze(rewards, [1])), 0)
  const own = mul(p, reduceMax(inverse, { axes: [2] }))
  const terms = where(worse, mul(unsqueeze(p, [1]), inverse), where(equal(i, k), unsqueeze(own, [2]), -Infinity))
  return reduceSum(sub(logSumExp(terms, { axes: [2] }), own), { axes: [1] })
}
