import type { Dim, Shape } from "../Dimension.ts"
import type { DType } from "../DType.ts"
import { constant, emit, type Graph, scalar, type Tensor } from "../Graph.ts"
import { tensorData } from "../TensorData.ts"
import { sub } from "./Arithmetic.ts"
import { expand, squeeze } from "./Layout.ts"
import { cast } from "./Logic.ts"
import { dimension } from "./Shape.ts"

/** A tensor with one value everywhere. */
export const full = (graph: Graph, dtype: DType, shape: Shape, value: number): Tensor =>
  expand(scalar(graph, dtype, value), shape)

export const zeros = (graph: Graph, dtype: DType, shape: Shape): Tensor => full(graph, dtype, shape, 0)

/** 0, 1, ... size - 1; `descending` size - 1, ... 1, 0. */
export const range = (
  graph: Graph,
  dtype: "int64" | "int32" | "float32" | "float64",
  size: Dim,
  options: { readonly descending?: boolean } = {}
): Tensor => {
  const descending = options.descending ?? false
  if (typeof size === "number") {
    const ascending = [...Array(size).keys()]
    return constant(graph, tensorData(dtype, [size], descending ? ascending.toReversed() : ascending), "data")
  }
  const number = (value: number) => scalar(graph, dtype, value, "shape")
  const limit = cast(squeeze(dimension(graph, size), [0]), dtype)
  const inputs = descending ? [sub(limit, number(1)), number(-1), number(-1)] : [number(0), limit, number(1)]
  return emit({ op: "Range", inputs, dtype, shape: [size] })
}
