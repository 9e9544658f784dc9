/** The distribution of a next token: one pass over the logits that sampling, log-prob and entropy share. */
import type { Tensor } from "../../onnx/Graph.ts"
import { div, exp, log, mul, sub } from "../../onnx/ops/Arithmetic.ts"
import { gatherElements } from "../../onnx/ops/Index.ts"
import { squeeze, unsqueeze } from "../../onnx/ops/Layout.ts"
import { reduceMax, reduceSum } from "../../onnx/ops/Reduce.ts"

/**
 * Of logits l [..., vocabularySize], with z = l - max l and w = e^z:
 *
 *     log pi(x) = z_x - log sum w          H = log sum w - (sum w z) / sum w
 */
export interface NextToken {
  /** z: the likeliest token has 0. */
  readonly shifted: Tensor
  /** w: what probabilities are proportional to, in [0, 1]. */
  readonly weights: Tensor
  /** log pi of one token per row, in nats. */
  readonly logProbOf: (token: Tensor) => Tensor
  /** Entropy of each row, in nats. */
  readonly entropy: Tensor
}

export const nextToken = (logits: Tensor): NextToken => {
  const shifted = sub(logits, reduceMax(logits, { axes: [-1], keepDims: true }))
  const weights = exp(shifted)
  const total = reduceSum(weights, { axes: [-1] })
  const logTotal = log(total)
  return {
    shifted,
    weights,
    logProbOf: (token) => sub(squeeze(gatherElements(shifted, unsqueeze(token, [-1])), [-1]), logTotal),
    entropy: sub(logTotal, div(reduceSum(mul(weights, shifted), { axes: [-1] }), total))
  }
}
