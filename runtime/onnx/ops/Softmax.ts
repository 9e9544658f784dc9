import { axisOf } from "../Broadcast.ts"
import { emit, type Tensor } from "../Graph.ts"
import { exp, mul, sub } from "./Arithmetic.ts"
import { reduceSum } from "./Reduce.ts"

/**
 * e^x over its sum along an axis.
 *
 *     dx = y (dy - sum(dy y))
 */
export const softmax = (x: Tensor, axis = -1): Tensor => {
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
 * log of softmax, without underflow.
 *
 *     dx = dy - e^y sum(dy)
 */
export const logSoftmax = (x: Tensor, axis = -1): Tensor => {
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
