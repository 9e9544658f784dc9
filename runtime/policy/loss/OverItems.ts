/** What losses are put together from: values [items, sequencesPerItem] and weights [items]. */
import { dimAt } from "../../onnx/Broadcast.ts"
import type { Tensor } from "../../onnx/Graph.ts"
import { mul } from "../../onnx/ops/Arithmetic.ts"
import { range } from "../../onnx/ops/Fill.ts"
import { cast, equal, greater, where } from "../../onnx/ops/Logic.ts"
import { reduceSum } from "../../onnx/ops/Reduce.ts"

/**
 * The value of each item's sequence at a position: [items, sequencesPerItem] to [items]. Masked rather than sliced: the
 * gradient of a slice would have a GPU wait for the host in each step.
 */
export const sequenceAt = (values: Tensor, position: number): Tensor => {
  const positions = range(values.graph, "int32", dimAt(values, 1))
  return reduceSum(where(equal(positions, position), values, 0), { axes: [1] })
}

/** sum_i w_i x_i. With weights that add up to 1 over a step it is the mean over the step's items. */
export const weighted = (weights: Tensor, values: Tensor): Tensor => reduceSum(mul(weights, values))

/** 1 where a > b, else 0. */
export const exceeds = (a: Tensor, b: Tensor): Tensor => cast(greater(a, b), a.dtype)
