import { axisOf } from "../Broadcast.ts"
import { emit, type Tensor } from "../Graph.ts"
import { exp, mul, sub } from "./Arithmetic.ts"
import { inWideType } from "./Precision.ts"
import { reduceSum } from "./Reduce.ts"

/**
 * e^x over its sum along an axis, of 16-bit values computed in float32 and rounded once.
 *
 *     dx = y (dy - sum(dy y))
 */
export const softmax = (x: Tensor, axis = -1): Tensor => inWideType(x, (x) => wideSoftmax(x, axis))

const wideSoftmax = (x: Tensor, axis: number): Tensor => {
  const at = axisOf("softmax", x, axis)
  const y: Tensor = emit({
    op: "Softmax",
    inputs: [x],
    attributes: { axis: { int: at } },
    dtype: x.dtype,
    shape: x.shape,
    gradient: (dy) => {
      const weighted = mul(dy, y)
      return [sub(weighted, mul(y, reduceSum(weighted, { axes: [at], keepDims: true })))]
    }
  })
  return y
}

/**
 * log of softmax, without underflow. Of 16-bit values the result is rounded to 16 bits, three digits: use `wide(x)` for
 * log-probs that are added up.
 *
 *     dx = dy - e^y sum(dy)
 */
export const logSoftmax = (x: Tensor, axis = -1): Tensor => inWideType(x, (x) => wideLogSoftmax(x, axis))

const wideLogSoftmax = (x: Tensor, axis: number): Tensor => {
  const at = axisOf("logSoftmax", x, axis)
  const y: Tensor = emit({
    op: "LogSoftmax",
    inputs: [x],
    attributes: { axis: { int: at } },
    dtype: x.dtype,
    shape: x.shape,
    gradient: (dy) => [sub(dy, mul(exp(y), reduceSum(dy, { axes: [at], keepDims: true })))]
  })
  return y
}
