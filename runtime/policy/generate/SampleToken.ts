/** Chooses the next token from logits, inside a program. */
import type { Tensor } from "../../onnx/Graph.ts"
import { div, mul } from "../../onnx/ops/Arithmetic.ts"
import { argMax, gatherElements, topK as largest } from "../../onnx/ops/Index.ts"
import { squeeze, unsqueeze } from "../../onnx/ops/Layout.ts"
import { cast, less, lessOrEqual, where } from "../../onnx/ops/Logic.ts"
import { reduceMax, reduceSum } from "../../onnx/ops/Reduce.ts"
import { cumSum } from "../../onnx/ops/Scan.ts"
import { softmax } from "../../onnx/ops/Softmax.ts"

/** How tokens are chosen; each kind is its own program. */
export type Sampling =
  | { readonly kind: "greedy" }
  | { readonly kind: "all" }
  /** Among the `topK` likeliest tokens, of those the likeliest that together reach topP. */
  | { readonly kind: "likeliest"; readonly topK: number }

export interface SampleInputs {
  /** float32 [..., vocabularySize] */
  readonly logits: Tensor
  /** float32 [...] in [0, 1), see SamplingNoise.ts. */
  readonly uniform: Tensor
  /** float32 [] above 0. */
  readonly temperature: Tensor
  /** float32 [] in (0, 1]. */
  readonly topP: Tensor
}

/** Token ids, int64 [...]. */
export const sampleToken = (sampling: Sampling, { logits, temperature, topP, uniform }: SampleInputs): Tensor => {
  if (sampling.kind === "greedy") return argMax(logits)
  const probabilities = softmax(div(logits, temperature))
  if (sampling.kind === "all") return invertCdf(probabilities, uniform)
  const { indices, values } = largest(probabilities, sampling.topK)
  // The likeliest token always stays: nothing is before it. topP counts within the topK, as transformers does.
  const before = cumSum(values, -1, { exclusive: true })
  const kept = where(less(before, mul(topP, reduceSum(values, { axes: [-1], keepDims: true }))), values, 0)
  return squeeze(gatherElements(indices, unsqueeze(invertCdf(kept, uniform), [-1])), [-1])
}

/**
 * The first index whose cumulative weight exceeds uniform * total. Weights need not sum to 1; one that is 0 is never
 * chosen.
 */
const invertCdf = (weights: Tensor, uniform: Tensor): Tensor => {
  const cumulative = cumSum(weights, -1)
  const target = mul(unsqueeze(uniform, [-1]), reduceMax(cumulative, { axes: [-1], keepDims: true }))
  return reduceSum(cast(lessOrEqual(cumulative, target), "int64"), { axes: [-1] })
}
