import type { Tensor } from "../onnx/Graph.ts"
import { add, div, mul, sqrt, square } from "../onnx/ops/Arithmetic.ts"
import { reduceMean } from "../onnx/ops/Reduce.ts"

/** weight * x / sqrt(mean(x^2) + epsilon), over the last axis (Zhang and Sennrich 2019). */
export const rmsNorm = (x: Tensor, weight: Tensor, epsilon: number): Tensor => {
  const rootMeanSquare = sqrt(add(reduceMean(square(x), { axes: [-1], keepDims: true }), epsilon))
  return mul(div(x, rootMeanSquare), weight)
}
