/** Chooses the next token from its distribution, inside a program. */
import { dimAt } from "../../onnx/Broadcast.ts"
import type { Tensor } from "../../onnx/Graph.ts"
import { div, exp, mul } from "../../onnx/ops/Arithmetic.ts"
import { ifElse } from "../../onnx/ops/Control.ts"
import { argMax, gatherElements, topK as largest } from "../../onnx/ops/Index.ts"
import { squeeze, unsqueeze } from "../../onnx/ops/Layout.ts"
import { cast, less, lessOrEqual, where } from "../../onnx/ops/Logic.ts"
import { reduceMax, reduceMin, reduceSum } from "../../onnx/ops/Reduce.ts"
import { cumSum } from "../../onnx/ops/Scan.ts"
import { present } from "../Present.ts"
import { invertCdf, invertLongCdf } from "./InvertCdf.ts"
import type { NextToken } from "./NextToken.ts"

/** How tokens are chosen; each is its own program. `tempered`: at a temperature other than 1. */
export type Sampling =
  | { readonly kind: "greedy" }
  | { readonly kind: "all"; readonly tempered?: boolean }
  /**
   * Of the likeliest tokens, as many as together reach topP. `whole` sorts all tokens at once, where choosing between two
   * ways would have a GPU wait for the host at each token.
   */
  | { readonly kind: "nucleus"; readonly tempered?: boolean; readonly whole?: boolean }
  /** Among the `topK` likeliest tokens, of those the likeliest that together reach topP. */
  | { readonly kind: "likeliest"; readonly topK: number; readonly tempered?: boolean }

export interface SampleInputs {
  /** float32 [...] in [0, 1), see SamplingNoise.ts. */
  readonly uniform: Tensor
  /** float32 [] above 0. */
  readonly temperature: Tensor
  /** float32 [] in (0, 1]. */
  readonly topP: Tensor
}

/** Tokens that a nucleus is looked for among before all are sorted. */
const NUCLEUS = 256

/** Token ids, int64 [...]. */
export const sampleToken = (
  sampling: Sampling,
  next: NextToken,
  { temperature, topP, uniform }: SampleInputs
): Tensor => {
  if (sampling.kind === "greedy") return argMax(next.shifted)
  const weights = sampling.tempered === true ? exp(div(next.shifted, temperature)) : next.weights
  if (sampling.kind === "all") return invertLongCdf(weights, uniform)

  /** Draws among the `count` likeliest, of which only those count before which less than `mass` lies. */
  const draw = ({ indices, values }: ReturnType<typeof largest>, mass: Tensor): Tensor => {
    // The likeliest token always stays: nothing is before it.
    const before = cumSum(values, -1, { exclusive: true })
    const chosen = invertCdf(where(less(before, mass), values, 0), uniform)
    return squeeze(gatherElements(indices, unsqueeze(chosen, [-1])), [-1])
  }
  const massOf = (values: Tensor) => mul(topP, reduceSum(values, { axes: [-1], keepDims: true }))
  const size = Number(dimAt(weights, -1))
  if (sampling.kind === "likeliest") {
    const likeliest = largest(weights, sampling.topK)
    // topP counts within the topK, as transformers does.
    return draw(likeliest, massOf(likeliest.values))
  }
  const mass = massOf(weights)
  if (size <= NUCLEUS || sampling.whole === true) return draw(largest(weights, size), mass)
  const likeliest = largest(weights, NUCLEUS)
  // A trained model's nucleus is small, and sorting a whole vocabulary costs as much as a small model's layers. Sums from
  // the likeliest on are the same in both branches, so what is drawn does not depend on the other rows.
  const enough = lessOrEqual(mass, reduceMax(cumSum(likeliest.values, -1), { axes: [-1], keepDims: true }))
  const [token] = ifElse(
    less(0.5, reduceMin(cast(enough, "float32"))),
    () => [draw(likeliest, mass)],
    () => [draw(largest(weights, size), mass)]
  )
  return present(token, "token of the nucleus")
}
