/** What losses are put together from: values [items, sequencesPerItem] and weights [items]. */
import type { Tensor } from "../../onnx/Graph.ts"
import { mul } from "../../onnx/ops/Arithmetic.ts"
import { slice } from "../../onnx/ops/Join.ts"
import { squeeze } from "../../onnx/ops/Layout.ts"
import { cast, greater } from "../../onnx/ops/Logic.ts"
import { reduceSum } from "../../onnx/ops/Reduce.ts"

/** The value of each item's sequence at a position: [items, sequencesPerItem] to [items]. */
export const sequenceAt = (values: Tensor, position: number): Tensor =>
  squeeze(slice(values, 1, position, position + 1), [1])

/** sum_i w_i x_i. With weights that add up to 1 over a step it is the mean over the step's items. */
export const weighted = (weights: Tensor, values: Tensor): Tensor => reduceSum(mul(weights, values))

/** 1 where a > b, else 0. */
export const exceeds = (a: Tensor, b: Tensor): Tensor => cast(greater(a, b), a.dtype)
