import { axisOf, dimAt } from "../Broadcast.ts"
import { canonical, type Dim, divideDims, printShape, sameShape, type Shape, sizeOf } from "../Dimension.ts"
import { constant, emit, fail, type Tensor } from "../Graph.ts"
import { int64 } from "../TensorData.ts"
import { sumTo } from "./Reduce.ts"
import { shapeVector } from "./Shape.ts"

/**
 * The same values in row-major order under another shape. One dimension may be -1: what is left over. Symbols are
 * those of the program: `reshape(x, ["batch", "length", heads, -1])`.
 */
export const reshape = (x: Tensor, shape: Shape): Tensor => {
  const result = shape.includes(-1) ? inferred(x, shape) : shape.map(canonical)
  if (sameShape(result, x.shape)) return x
  const [from, to] = [sizeOf(x.shape), sizeOf(result)]
  if (from !== to) fail("reshape", [x], `${from} values do not fill ${printShape(result)}`)
  return emit({
    op: "Reshape",
    inputs: [x, reshapeTarget(x, result)],
    // Zero means an empty dimension, as a shape read at run time may hold one.
    attributes: { allowzero: { int: 1 } },
    dtype: x.dtype,
    shape: result,
    gradient: (dy) => [reshape(dy, x.shape)]
  })
}

const inferred = (x: Tensor, shape: Shape): Shape => {
  const rest = sizeOf(shape.filter((dim) => dim !== -1))
  const left = divideDims(sizeOf(x.shape), rest)
  if (left === undefined || shape.indexOf(-1) !== shape.lastIndexOf(-1)) {
    return fail("reshape", [x], `cannot tell what -1 stands for in ${printShape(shape)}`)
  }
  return shape.map((dim) => dim === -1 ? left : canonical(dim))
}

/** With a single symbol in the target and no empty dimension, -1 spares reading the symbol's value. */
const reshapeTarget = (x: Tensor, shape: Shape): Tensor => {
  const symbols = shape.filter((dim) => typeof dim === "string")
  return symbols.length === 1 && !shape.includes(0)
    ? shapeVector(x.graph, shape.map((dim) => typeof dim === "string" ? -1 : dim))
    : shapeVector(x.graph, shape)
}

/** All axes from `start` to `end` (exclusive) as one. */
export const flatten = (x: Tensor, start: number, end = x.shape.length): Tensor =>
  reshape(x, [...x.shape.slice(0, start), sizeOf(x.shape.slice(start, end)), ...x.shape.slice(end)])

/** Axis `i` of the result is axis `order[i]` of `x`; without an order the axes are reversed. */
export const transpose = (
  x: Tensor,
  order: ReadonlyArray<number> = x.shape.map((_, axis) => axis).toReversed()
): Tensor => {
  const axes = order.map((axis) => axisOf("transpose", x, axis))
  if (new Set(axes).size !== x.shape.length) fail("transpose", [x], `[${order}] is not an order of its axes`)
  if (axes.every((axis, index) => axis === index)) return x
  return emit({
    op: "Transpose",
    inputs: [x],
    attributes: { perm: { ints: axes } },
    dtype: x.dtype,
    shape: axes.map((axis) => dimAt(x, axis)),
    gradient: (dy) => [transpose(dy, axes.map((_, axis) => axes.indexOf(axis)))]
  })
}

/** Exchanges two axes. */
export const swapAxes = (x: Tensor, a: number, b: number): Tensor => {
  const [first, second] = [axisOf("swapAxes", x, a), axisOf("swapAxes", x, b)]
  return transpose(x, x.shape.map((_, axis) => axis === first ? second : axis === second ? first : axis))
}

/** Removes axes that have 1 position. */
export const squeeze = (x: Tensor, axes: ReadonlyArray<number>): Tensor => {
  const gone = axes.map((axis) => axisOf("squeeze", x, axis))
  if (gone.some((axis) => x.shape[axis] !== 1)) fail("squeeze", [x], `axes [${axes}] do not all have 1 position`)
  return emit({
    op: "Squeeze",
    inputs: [x, constant(x.graph, int64([gone.length], gone))],
    dtype: x.dtype,
    shape: x.shape.filter((_, axis) => !gone.includes(axis)),
    gradient: (dy) => [unsqueeze(dy, gone)]
  })
}

/** Adds axes with 1 position, at these places of the result. */
export const unsqueeze = (x: Tensor, axes: ReadonlyArray<number>): Tensor => {
  const rank = x.shape.length + axes.length
  const made = axes.map((axis) => axis < 0 ? axis + rank : axis)
  if (new Set(made).size !== axes.length || made.some((axis) => !Number.isInteger(axis) || axis < 0 || axis >= rank)) {
    fail("unsqueeze", [x], `[${axes}] are not places in a result of ${rank} axes`)
  }
  const dims = x.shape.values()
  return emit({
    op: "Unsqueeze",
    inputs: [x, constant(x.graph, int64([made.length], made))],
    dtype: x.dtype,
    shape: Array.from({ length: rank }, (_, axis) => made.includes(axis) ? 1 : dims.next().value as Dim),
    gradient: (dy) => [squeeze(dy, made)]
  })
}

/** Repeats axes with 1 position, and adds axes in front, until the shape is `shape`. */
export const expand = (x: Tensor, shape: Shape): Tensor => {
  const result = shape.map(canonical)
  if (sameShape(result, x.shape)) return x
  const added = result.length - x.shape.length
  if (added < 0 || x.shape.some((dim, axis) => dim !== 1 && dim !== result[axis + added])) {
    fail("expand", [x], `cannot become ${printShape(result)}`)
  }
  // A 1 in the target leaves the axis as it is.
  const target = result.map((dim, axis) => axis >= added && x.shape[axis - added] === dim ? 1 : dim)
  return emit({
    op: "Expand",
    inputs: [x, shapeVector(x.graph, target)],
    dtype: x.dtype,
    shape: result,
    gradient: (dy) => [sumTo(dy, x.shape)]
  })
}
