import { axisOf, dimAt, sameType } from "../Broadcast.ts"
import { addDims, type Dim, printShape, type Shape, subtractDims } from "../Dimension.ts"
import { isFloating } from "../DType.ts"
import { emit, emitMany, fail, type OneEach, oneEach, scalar, type Tensor } from "../Graph.ts"
import { add, sub } from "./Arithmetic.ts"
import { full, zeros } from "./Fill.ts"
import { reshape, squeeze } from "./Layout.ts"
import { dimension, shapeVector, sum } from "./Shape.ts"

/** Tensors one after the other along an axis. */
export const concat = (tensors: ReadonlyArray<Tensor>, axis: number): Tensor => {
  const [first, ...rest] = tensors
  if (first === undefined) return fail("concat", [], "needs a tensor")
  if (rest.length === 0) return first
  sameType("concat", tensors)
  const at = axisOf("concat", first, axis)
  const fits = rest.every((tensor) =>
    tensor.shape.length === first.shape.length &&
    tensor.shape.every((dim, other) => other === at || dim === first.shape[other])
  )
  if (!fits) fail("concat", tensors, `differ in an axis other than ${at}`)
  const sizes = tensors.map((tensor) => dimAt(tensor, at))
  return emit({
    op: "Concat",
    inputs: tensors,
    attributes: { axis: { int: at } },
    dtype: first.dtype,
    shape: first.shape.with(at, sum(sizes)),
    gradient: (dy) => split(dy, at, sizes)
  })
}

/** Tensors of one shape along a new axis. */
export const stack = (tensors: ReadonlyArray<Tensor>, axis: number): Tensor =>
  concat(
    tensors.map((tensor) => {
      const at = axis < 0 ? axis + tensor.shape.length + 1 : axis
      return reshape(tensor, [...tensor.shape.slice(0, at), 1, ...tensor.shape.slice(at)])
    }),
    axis
  )

/** Cuts an axis into pieces of these sizes, which must add up to it. */
export const split = <const Sizes extends Shape>(
  x: Tensor,
  axis: number,
  sizes: Sizes
): OneEach<Sizes> => {
  const at = axisOf("split", x, axis)
  if (sum(sizes) !== x.shape[at]) fail("split", [x], `pieces ${printShape(sizes)} do not add up to axis ${at}`)
  const shapes = sizes.map((size) => x.shape.with(at, size))
  if (sizes.length === 1) return oneEach(sizes, () => x)
  const pieces = emitMany({
    op: "Split",
    inputs: [x, shapeVector(x.graph, sizes)],
    attributes: { axis: { int: at } },
    outputs: shapes.map((shape) => ({ dtype: x.dtype, shape })),
    gradient: (dys) => [concat(shapes.map((shape, index) => dys[index] ?? zeros(x.graph, x.dtype, shape)), at)]
  })
  return oneEach(sizes, (_, index) => pieces[index] ?? x)
}

/**
 * Positions `start` to `end` (exclusive) of an axis. Negative positions count from the back; `end` left out is the
 * end of the axis. Symbols may stand in: `slice(x, 1, 0, "length-1")`.
 */
export const slice = (x: Tensor, axis: number, start: Dim, end?: Dim): Tensor => {
  const at = axisOf("slice", x, axis)
  const size = dimAt(x, at)
  const position = (dim: Dim) => typeof dim === "number" && dim < 0 ? addDims(size, dim) : dim
  const from = position(start)
  const to = end === undefined ? size : position(end)
  const length = subtractDims(to, from)
  const inside = [from, length, subtractDims(size, to)].every((dim) => typeof dim === "string" || dim >= 0)
  if (!inside) fail("slice", [x], `${start} to ${end ?? "the end"} is not within axis ${at}`)
  if (from === 0 && to === size) return x
  return emit({
    op: "Slice",
    inputs: [x, shapeVector(x.graph, [from]), shapeVector(x.graph, [to]), shapeVector(x.graph, [at])],
    dtype: x.dtype,
    shape: x.shape.with(at, length),
    gradient: (dy) => [pad(dy, at, from, subtractDims(size, to))]
  })
}

/** `size` positions of an axis from a position known at run time, `start`: int64 []. */
export const sliceAt = (x: Tensor, axis: number, start: Tensor, size: Dim): Tensor => {
  const at = axisOf("sliceAt", x, axis)
  if (start.dtype !== "int64" || start.shape.length !== 0) fail("sliceAt", [x, start], "the start must be int64[]")
  const from = reshape(start, [1])
  const to = add(from, dimension(x.graph, size))
  return emit({
    op: "Slice",
    inputs: [x, from, to, shapeVector(x.graph, [at])],
    dtype: x.dtype,
    shape: x.shape.with(at, size),
    gradient: (dy) => {
      const after = sub(dimension(x.graph, dimAt(x, at)), to)
      return [padded(dy, at, from, after, dimAt(x, at), 0)]
    }
  })
}

/** Adds positions holding `value` before and after an axis. */
export const pad = (x: Tensor, axis: number, before: Dim, after: Dim, value = 0): Tensor => {
  const at = axisOf("pad", x, axis)
  const size = sum([before, dimAt(x, at), after])
  if (before === 0 && after === 0) return x
  // The CUDA provider's Pad knows floats and bool alone.
  if (!isFloating(x.dtype)) {
    const filling = (dim: Dim) => dim === 0 ? [] : [full(x.graph, x.dtype, x.shape.with(at, dim), value)]
    return concat([...filling(before), x, ...filling(after)], at)
  }
  return padded(
    x,
    at,
    dimension(x.graph, before),
    dimension(x.graph, after),
    size,
    value,
    (dy) => slice(dy, at, before, addDims(before, dimAt(x, at)))
  )
}

const padded = (
  x: Tensor,
  axis: number,
  before: Tensor,
  after: Tensor,
  size: Dim,
  value: number,
  gradient: (dy: Tensor) => Tensor = (dy) => sliceAt(dy, axis, squeeze(before, [0]), dimAt(x, axis))
): Tensor =>
  emit({
    op: "Pad",
    inputs: [x, concat([before, after], 0), scalar(x.graph, x.dtype, value, "shape"), shapeVector(x.graph, [axis])],
    dtype: x.dtype,
    shape: x.shape.with(axis, size),
    gradient: (dy) => [gradient(dy)]
  })
