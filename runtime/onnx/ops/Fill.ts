import type { Dim, Shape } from "../Dimension.ts"
import type { DType } from "../DType.ts"
import { constant, emit, type Graph, scalar, type Tensor } from "../Graph.ts"
import { tensorData } from "../TensorData.ts"
import { expand, squeeze } from "./Layout.ts"
import { cast } from "./Logic.ts"
import { dimension } from "./Shape.ts"

/** A tensor with one value everywhere. */
export const full = (graph: Graph, dtype: DType, shape: Shape, value: number): Tensor =>
  expand(scalar(graph, dtype, value), shape)

export const zeros = (graph: Graph, dtype: DType, shape: Shape): Tensor => full(graph, dtype, shape, 0)

/** 0, 1, ... size - 1. */
export const range = (graph: Graph, dtype: "int64" | "int32" | "float32" | "float64", size: Dim): Tensor => {
  if (typeof size === "number") return constant(graph, tensorData(dtype, [size], Array(size).keys()))
  const limit = cast(squeeze(dimension(graph, size), [0]), dtype)
  return emit({
    op: "Range",
    inputs: [scalar(graph, dtype, 0), limit, scalar(graph, dtype, 1)],
    dtype,
    shape: [size]
  })
}
