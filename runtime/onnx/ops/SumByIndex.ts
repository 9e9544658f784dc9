import { dimAt } from "../Broadcast.ts"
import type { Dim } from "../Dimension.ts"
import { constant, emit, emitMany, fail, type Tensor } from "../Graph.ts"
import { int64 } from "../TensorData.ts"
import { sub } from "./Arithmetic.ts"
import { zeros } from "./Fill.ts"
import { gather, scatterND } from "./Index.ts"
import { concat, slice } from "./Join.ts"
import { flatten, reshape, squeeze, unsqueeze } from "./Layout.ts"
import { cast, equal, not } from "./Logic.ts"
import { cumSum } from "./Scan.ts"
import { shapeVector } from "./Shape.ts"

/**
 * Adds up the rows that share an index: `y[k] = sum of values[i] where indices[i] = k`, for `values` [n, ...] and
 * `indices` int64 [n] in [0, size). It is what looking rows up does to their gradients.
 *
 * Rows are sorted by index, and the sum of each group is a difference of running sums, in float64 so that nothing is
 * lost. ScatterND with reduction "add" would be the op for this, but onnxruntime's CPU kernel adds from several threads
 * without a lock and loses updates of repeated indices (onnxruntime #18048, #23396); ScatterElements is right, in one
 * thread, and takes twice as long as this does. This also gives the same bits in every run on every provider.
 */
export const sumByIndex = (values: Tensor, indices: Tensor, size: Dim): Tensor => {
  const [count] = values.shape
  if (count === undefined || indices.dtype !== "int64" || indices.shape.length !== 1 || indices.shape[0] !== count) {
    return fail("sumByIndex", [values, indices], "needs one int64 index per row")
  }
  const { graph } = values
  const rows = values.shape.length === 2 ? values : flatten(unsqueeze(values, [1]), 1)
  const total = shapeVector(graph, [count])
  const [sorted, order] = emitMany({
    op: "TopK",
    inputs: [indices, total],
    attributes: { axis: { int: 0 }, largest: { int: 0 } },
    outputs: [{ dtype: "int64", shape: [count] }, { dtype: "int64", shape: [count] }]
  })

  // A group ends where the sorted index differs from the one after it; its sum is what running sums grew by since the last.
  const after = concat([slice(sorted, 0, 1), constant(graph, int64([1], [-1]), "data")], 0)
  const groups = graph.symbol("groups")
  const isLast = not(equal(sorted, after))
  const last = squeeze(emit({ op: "NonZero", inputs: [isLast], dtype: "int64", shape: [1, groups] }), [0])

  const running = gather(cumSum(cast(gather(rows, order), "float64"), 0), last)
  const before = concat([zeros(graph, "float64", [1, dimAt(rows, 1)]), slice(running, 0, 0, -1)], 0)
  const sums = cast(sub(running, before), values.dtype)
  const result = scatterND(
    zeros(graph, values.dtype, [size, dimAt(rows, 1)]),
    unsqueeze(gather(sorted, last), [1]),
    sums
  )
  return emit({
    op: "Identity",
    inputs: [reshape(result, [size, ...values.shape.slice(1)])],
    dtype: values.dtype,
    shape: [size, ...values.shape.slice(1)],
    differentiable: [values],
    gradient: (dy) => [gather(dy, indices)]
  })
}
