import { axisOf, dimAt, sameType } from "../Broadcast.ts"
import { printShape, sameShape, type Shape, sizeOf } from "../Dimension.ts"
import { constant, emit, emitMany, fail, type Tensor } from "../Graph.ts"
import { int64, tensorData } from "../TensorData.ts"
import { mod, mul } from "./Arithmetic.ts"
import { zeros } from "./Fill.ts"
import { reshape, transpose } from "./Layout.ts"
import { cast } from "./Logic.ts"
import { wide, wideType } from "./Precision.ts"
import { reduceSum } from "./Reduce.ts"
import { extent, shapeVector } from "./Shape.ts"
import { sumByIndex } from "./SumByIndex.ts"

/**
 * Whole slices of `x` along an axis, chosen by index: embedding lookup with axis 0. Negative indices count from the back,
 * unless `fromFront` promises that there are none, which spares the gradient from telling which they are.
 */
export const gather = (
  x: Tensor,
  indices: Tensor,
  axis = 0,
  options: { readonly fromFront?: boolean } = {}
): Tensor => {
  const at = axisOf("gather", x, axis)
  integers("gather", indices)
  return emit({
    op: "Gather",
    inputs: [x, indices],
    attributes: { axis: { int: at } },
    dtype: x.dtype,
    shape: [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)],
    gradient: (dy) => [gatherGradient(dy, x, indices, at, options.fromFront ?? false)]
  })
}

/** Adds each slice of `dy` to the position its index names; the indexed axis is moved to the front for that. */
const gatherGradient = (dy: Tensor, x: Tensor, indices: Tensor, at: number, fromFront: boolean): Tensor => {
  const indexed = indices.shape.length
  const axes = dy.shape.map((_, axis) => axis)
  const slices = transpose(dy, [...axes.slice(at, at + indexed), ...axes.slice(0, at), ...axes.slice(at + indexed)])
  const size = dimAt(x, at)
  const positions = fromFront ? cast(indices, "int64") : mod(cast(indices, "int64"), extent(x.graph, size))
  const count = sizeOf(indices.shape)
  const sums = sumByIndex(reshape(slices, [count, ...slices.shape.slice(indexed)]), reshape(positions, [count]), size)
  const front = [at, ...x.shape.map((_, axis) => axis).filter((axis) => axis !== at)]
  return transpose(sums, front.map((_, axis) => front.indexOf(axis)))
}

/** One value per index: `y[i][j] = x[i][indices[i][j]]` along the last of two axes, and so on for others. */
export const gatherElements = (x: Tensor, indices: Tensor, axis = -1): Tensor => {
  const at = axisOf("gatherElements", x, axis)
  integers("gatherElements", indices)
  alongside("gatherElements", x, indices, at)
  return emit({
    op: "GatherElements",
    inputs: [x, indices],
    attributes: { axis: { int: at } },
    dtype: x.dtype,
    shape: indices.shape,
    gradient: (dy) => [scatterElements(zeros(x.graph, x.dtype, x.shape), indices, dy, { axis: at, reduction: "add" })]
  })
}

export type ScatterReduction = "none" | "add"

/** A copy of `x` with values replaced or added to where `gatherElements` would have read. With "none" indices must not repeat. */
export const scatterElements = (
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  options: { readonly axis?: number; readonly reduction?: ScatterReduction } = {}
): Tensor => {
  const at = axisOf("scatterElements", x, options.axis ?? -1)
  const reduction = options.reduction ?? "none"
  integers("scatterElements", indices)
  alongside("scatterElements", x, indices, at)
  sameType("scatterElements", [x, updates])
  if (!sameShape(indices.shape, updates.shape)) fail("scatterElements", [indices, updates], "need one update per index")
  if (reduction === "add" && x.dtype !== wideType(x.dtype)) {
    // onnxruntime's CPU kernel adds no 16-bit numbers; sums of them want more digits anyway.
    return cast(scatterElements(wide(x), indices, wide(updates), options), x.dtype)
  }
  return emit({
    op: "ScatterElements",
    inputs: [x, indices, updates],
    attributes: { axis: { int: at }, reduction: { string: reduction } },
    dtype: x.dtype,
    shape: x.shape,
    gradient: (dy) => [
      reduction === "add"
        ? dy
        : scatterElements(dy, indices, zeros(x.graph, x.dtype, updates.shape), { axis: at }),
      undefined,
      gatherElements(dy, indices, at)
    ]
  })
}

/** Slices of `x` chosen by index tuples, the last axis of `indices`: `y[i] = x[indices[i][0], indices[i][1], ...]`. */
export const gatherND = (x: Tensor, indices: Tensor): Tensor => {
  integers("gatherND", indices)
  const shape = tupleShape("gatherND", x, indices)
  return emit({
    op: "GatherND",
    inputs: [x, indices],
    dtype: x.dtype,
    shape,
    gradient: (dy) => [gatherNDGradient(dy, x, indices)]
  })
}

/** Index tuples become row-major positions: the sum of index times stride. */
const gatherNDGradient = (dy: Tensor, x: Tensor, indices: Tensor): Tensor => {
  const depth = Number(dimAt(indices, -1))
  const dims = x.shape.slice(0, depth)
  const strides = dims.map((_, axis) => sizeOf(dims.slice(axis + 1)))
  const within = mod(cast(indices, "int64"), shapeVector(x.graph, dims))
  const positions = reduceSum(mul(within, shapeVector(x.graph, strides)), { axes: [-1] })
  const count = sizeOf(positions.shape)
  const rows = reshape(dy, [count, ...x.shape.slice(depth)])
  return reshape(sumByIndex(rows, reshape(positions, [count]), sizeOf(dims)), x.shape)
}

/** A copy of `x` with slices replaced where `gatherND` would have read. Indices must not repeat; see `sumByIndex` for adding. */
export const scatterND = (x: Tensor, indices: Tensor, updates: Tensor): Tensor => {
  integers("scatterND", indices)
  sameType("scatterND", [x, updates])
  const expected = tupleShape("scatterND", x, indices)
  if (!sameShape(updates.shape, expected)) {
    fail("scatterND", [x, indices, updates], `updates must be ${printShape(expected)}`)
  }
  return emit({
    op: "ScatterND",
    inputs: [x, indices, updates],
    dtype: x.dtype,
    shape: x.shape,
    gradient: (dy) => [
      scatterND(dy, indices, zeros(x.graph, x.dtype, updates.shape)),
      undefined,
      gatherND(dy, indices)
    ]
  })
}

/** 1 at each index along a new last axis of `depth` positions, 0 elsewhere. */
export const oneHot = (indices: Tensor, depth: number, dtype: "float32" | "float64" | "int64"): Tensor => {
  integers("oneHot", indices)
  const { graph } = indices
  return emit({
    op: "OneHot",
    inputs: [indices, constant(graph, int64([1], [depth])), constant(graph, tensorData(dtype, [2], [0, 1]))],
    attributes: { axis: { int: -1 } },
    dtype,
    shape: [...indices.shape, depth]
  })
}

/** The index of the largest value along an axis, the first of them when several are largest: int64. */
export const argMax = (x: Tensor, axis = -1, keepDims = false): Tensor => {
  const at = axisOf("argMax", x, axis)
  return emit({
    op: "ArgMax",
    inputs: [x],
    attributes: { axis: { int: at }, keepdims: { int: keepDims ? 1 : 0 } },
    dtype: "int64",
    shape: keepDims ? x.shape.with(at, 1) : x.shape.filter((_, other) => other !== at)
  })
}

/** The `k` largest values along an axis, largest first, and their indices. */
export const topK = (x: Tensor, k: number, axis = -1): { readonly values: Tensor; readonly indices: Tensor } => {
  const at = axisOf("topK", x, axis)
  const size = dimAt(x, at)
  if (typeof size === "number" && k > size) fail("topK", [x], `axis ${at} has fewer than ${k} positions`)
  const shape: Shape = x.shape.with(at, k)
  const found: readonly [Tensor, Tensor] = emitMany({
    op: "TopK",
    inputs: [x, constant(x.graph, int64([1], [k]))],
    attributes: { axis: { int: at } },
    outputs: [{ dtype: x.dtype, shape }, { dtype: "int64", shape }],
    gradient: ([dy]) => [
      dy && scatterElements(zeros(x.graph, x.dtype, x.shape), found[1], dy, { axis: at, reduction: "add" })
    ]
  })
  return { values: found[0], indices: found[1] }
}

const integers = (op: string, indices: Tensor): void => {
  if (indices.dtype !== "int64" && indices.dtype !== "int32") fail(op, [indices], "indices must be int64 or int32")
}

/** ONNX lets the other axes be shorter in `indices`; we ask that they are equal, so that shapes say what happens. */
const alongside = (op: string, x: Tensor, indices: Tensor, axis: number): void => {
  if (!sameShape(x.shape.with(axis, 1), indices.shape.length === x.shape.length ? indices.shape.with(axis, 1) : [])) {
    fail(op, [x, indices], `indices must have the shape of the data in all axes but ${axis}`)
  }
}

const tupleShape = (op: string, x: Tensor, indices: Tensor): Shape => {
  const length = indices.shape.at(-1)
  if (typeof length !== "number" || length > x.shape.length) {
    return fail(op, [x, indices], "the last axis of the indices must be a known number of axes of the data")
  }
  return [...indices.shape.slice(0, -1), ...x.shape.slice(length)]
}
