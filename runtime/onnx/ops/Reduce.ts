import { axisOf, dimAt } from "../Broadcast.ts"
import { type Dim, sameShape, type Shape, sizeOf } from "../Dimension.ts"
import { constant, emit, fail, scalar, type Tensor } from "../Graph.ts"
import { int64 } from "../TensorData.ts"
import { add, div, exp, log, mul, stopGradient, sub } from "./Arithmetic.ts"
import { expand, squeeze, unsqueeze } from "./Layout.ts"
import { cast, equal, greater, where } from "./Logic.ts"
import { inWideType } from "./Precision.ts"
import { dimension } from "./Shape.ts"

export interface Reduction {
  /** The axes that disappear; all of them when left out. */
  readonly axes?: ReadonlyArray<number>
  /** Keep the reduced axes, with 1 position each. */
  readonly keepDims?: boolean
}

/** A reduction whose gradient is computed with the reduced axes kept, so that it broadcasts against `x`. */
const reduction =
  (name: string, op: string, gradient: (dy: Tensor, x: Tensor, y: Tensor, axes: ReadonlyArray<number>) => Tensor) =>
  (x: Tensor, options: Reduction = {}): Tensor => {
    const axes = (options.axes ?? x.shape.map((_, axis) => axis)).map((axis) => axisOf(name, x, axis)).toSorted((
      a,
      b
    ) => a - b)
    const keepDims = options.keepDims ?? false
    if (axes.length === 0) return x
    const kept = x.shape.map((dim, axis) => axes.includes(axis) ? 1 : dim)
    const withAxes = (tensor: Tensor) => keepDims ? tensor : unsqueeze(tensor, axes)
    const y: Tensor = emit({
      op,
      inputs: [x, constant(x.graph, int64([axes.length], axes))],
      attributes: { keepdims: { int: keepDims ? 1 : 0 } },
      dtype: x.dtype,
      shape: keepDims ? kept : x.shape.filter((_, axis) => !axes.includes(axis)),
      gradient: (dy) => [gradient(withAxes(dy), x, withAxes(y), axes)]
    })
    return y
  }

export const reduceSum = reduction("reduceSum", "ReduceSum", (dy, x) => expand(dy, x.shape))

export const reduceMean = reduction(
  "reduceMean",
  "ReduceMean",
  (dy, x, _y, axes) => expand(inWideType(dy, (dy) => div(dy, countOf(dy, x, axes))), x.shape)
)

/** The largest value. Where several are largest the gradient is shared among them evenly. */
export const reduceMax = reduction("reduceMax", "ReduceMax", (dy, x, y, axes) => evenly(dy, x, y, axes))
/** The smallest value. Where several are smallest the gradient is shared among them evenly. */
export const reduceMin = reduction("reduceMin", "ReduceMin", (dy, x, y, axes) => evenly(dy, x, y, axes))

/**
 * log of the sum of e^x, computed without overflow: m + log sum e^(x - m) with m the largest x. Made of these ops, as
 * onnxruntime's ReduceLogSumExp takes three times as long. Of 16-bit values computed in float32 and rounded once.
 */
export const logSumExp = (x: Tensor, options: Reduction = {}): Tensor => inWideType(x, (x) => wideLogSumExp(x, options))

const wideLogSumExp = (x: Tensor, options: Reduction): Tensor => {
  const axes = options.axes ?? x.shape.map((_, axis) => axis)
  if (axes.length === 0) return x
  const kept = { axes, keepDims: true }
  const largest = stopGradient(reduceMax(x, kept))
  // Where all x are -infinity so is the result, and m must not be, for x - m to have a value.
  const shift = where(greater(largest, -Infinity), largest, 0)
  const y = add(log(reduceSum(exp(sub(x, shift)), kept)), shift)
  return options.keepDims === true ? y : squeeze(y, axes)
}

const evenly = (dy: Tensor, x: Tensor, y: Tensor, axes: ReadonlyArray<number>): Tensor => {
  const chosen = cast(equal(x, y), x.dtype)
  return mul(chosen, div(dy, reduceSum(chosen, { axes, keepDims: true })))
}

/** How many values each result of a reduction stands for, in the type of `like`; more than float16 could hold, maybe. */
const countOf = (like: Tensor, x: Tensor, axes: ReadonlyArray<number>): Tensor => {
  const count: Dim = sizeOf(axes.map((axis) => dimAt(x, axis)))
  return typeof count === "number"
    ? scalar(x.graph, like.dtype, count)
    : cast(dimension(x.graph, count), like.dtype)
}

/** Sums over the axes that broadcasting added or stretched: the gradient of broadcasting from `shape`. */
export const sumTo = (x: Tensor, shape: Shape): Tensor => {
  if (sameShape(x.shape, shape)) return x
  const added = x.shape.length - shape.length
  const axes = x.shape.flatMap((dim, axis) => axis < added || (shape[axis - added] === 1 && dim !== 1) ? [axis] : [])
  const summed = reduceSum(x, { axes, keepDims: true })
  const leading = axes.filter((axis) => axis < added)
  const result = leading.length === 0 ? summed : squeeze(summed, leading)
  return sameShape(result.shape, shape) ? result : fail("sumTo", [x], `was not broadcast from [${shape}]`)
}
