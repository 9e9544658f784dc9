import { Effect } from "effect"
import { sizeOf } from "../../../runtime/onnx/Dimension.ts"
import { isFloating } from "../../../runtime/onnx/DType.ts"
import { gradients } from "../../../runtime/onnx/Gradient.ts"
import type { Tensor } from "../../../runtime/onnx/Graph.ts"
import { add, div, mul, sub } from "../../../runtime/onnx/ops/Arithmetic.ts"
import { loop } from "../../../runtime/onnx/ops/Control.ts"
import { range } from "../../../runtime/onnx/ops/Fill.ts"
import { flatten, reshape } from "../../../runtime/onnx/ops/Layout.ts"
import { cast, equal } from "../../../runtime/onnx/ops/Logic.ts"
import { reduceSum } from "../../../runtime/onnx/ops/Reduce.ts"
import { extent } from "../../../runtime/onnx/ops/Shape.ts"
import type { OpenOptions, Sessions } from "../../../runtime/onnx/Sessions.ts"
import { evaluate, type Given } from "./evaluate.ts"

type Function = (tensors: ReadonlyArray<Tensor>) => Tensor

export interface Tolerance extends Partial<OpenOptions> {
  /** Half the distance of the two points of a central difference. */
  readonly step?: number
  /** The largest difference that passes, relative to 1 + the size of the gradient. */
  readonly tolerance?: number
}

/**
 * Compares the gradients of a function with central differences, element by element, for every floating input. The loss
 * is sum(y (y + 1)), which weighs each output differently. Differences are taken inside the program by a loop over
 * elements. Dies of the first gradient that is off.
 */
export const checkGradient = (
  inputs: ReadonlyArray<Given>,
  f: Function,
  options: Tolerance = {}
): Effect.Effect<void, unknown, Sessions> =>
  Effect.gen(function*() {
    const { step = 1e-5, tolerance = 1e-6, ...open } = options
    const floating = inputs.flatMap(({ value }, index) => isFloating(value.dtype) ? [index] : [])
    const results = yield* evaluate(inputs, (tensors) => {
      const lossOf = (points: ReadonlyArray<Tensor>): Tensor => {
        const y = f(points)
        return reduceSum(mul(y, add(y, 1)))
      }
      const wrt = floating.map((index) => tensors[index] as Tensor)
      const exact = gradients(lossOf(tensors), wrt)
      return Object.fromEntries(floating.flatMap((index, position) => [
        [`exact ${index}`, exact[position] as Tensor],
        [`numeric ${index}`, differences(lossOf, tensors, index, step)]
      ]))
    }, open)
    for (const index of floating) {
      const [exact, numeric] = [results[`exact ${index}`], results[`numeric ${index}`]]
      if (exact === undefined || exact.dims.join() !== inputs[index]?.value.dims.join()) {
        return yield* Effect.die(new Error(`the gradient of input ${index} has the shape [${exact?.dims}]`))
      }
      for (const [element, value] of exact.values.entries()) {
        const reference = numeric?.values[element] ?? NaN
        if (!(Math.abs(value - reference) <= tolerance * (1 + Math.abs(reference)))) {
          return yield* Effect.die(
            new Error(`gradient of input ${index}, element ${element}: ${value}, by differences ${reference}`)
          )
        }
      }
    }
  })

const differences = (lossOf: Function, tensors: ReadonlyArray<Tensor>, index: number, step: number): Tensor => {
  const x = tensors[index] as Tensor
  const size = sizeOf(x.shape)
  const { scan } = loop({
    name: `difference ${index}`,
    trips: extent(x.graph, size),
    state: {},
    body: (element) => {
      const at = cast(equal(range(x.graph, "int64", size), element), x.dtype)
      const nudge = reshape(mul(at, step), x.shape)
      const lossAt = (point: Tensor) => lossOf(tensors.with(index, point))
      return { state: {}, scan: { slope: div(sub(lossAt(add(x, nudge)), lossAt(sub(x, nudge))), 2 * step) } }
    }
  })
  return flatten(scan.slope, 0)
}
