import { emitMany, type Tensor } from "../../onnx/Graph.ts"
import { mul, sub } from "../../onnx/ops/Arithmetic.ts"
import { cast } from "../../onnx/ops/Logic.ts"
import { wide } from "../../onnx/ops/Precision.ts"
import { reduceMean, sumTo } from "../../onnx/ops/Reduce.ts"
import { present } from "../Present.ts"

/**
 * y = weight * x r  with  r = 1 / sqrt(mean(x^2) + epsilon), over the last axis (Zhang and Sennrich 2019).
 *
 *     dx = r (g - x r mean(g x r))  with  g = weight dy          dweight = sum(dy x r)
 *
 * One fused kernel in place of six nodes. The op is onnxruntime's, not of the ONNX standard; it also gives r, so the
 * gradient does not compute it again. Of 16-bit values, norm and gradient are computed in float32 and rounded once.
 */
export const rmsNorm = (x: Tensor, weight: Tensor, epsilon: number): Tensor => {
  const results: ReadonlyArray<Tensor> = emitMany({
    op: "SimplifiedLayerNormalization",
    inputs: [x, weight],
    attributes: { axis: { int: -1 }, epsilon: { float: epsilon } },
    outputs: [{ dtype: x.dtype, shape: x.shape }, { dtype: "float32", shape: [...x.shape.slice(0, -1), 1] }],
    gradient: ([dy]) => {
      if (dy === undefined) return []
      const inverse = present(results[1], "inverse root mean square")
      const outer = wide(dy)
      const scaled = mul(outer, wide(weight))
      const normed = mul(wide(x), inverse)
      const along = reduceMean(mul(scaled, normed), { axes: [-1], keepDims: true })
      const dx = mul(sub(scaled, mul(normed, along)), inverse)
      return [cast(dx, x.dtype), cast(sumTo(mul(outer, normed), weight.shape), weight.dtype)]
    }
  })
  return present(results[0], "normed value")
}
