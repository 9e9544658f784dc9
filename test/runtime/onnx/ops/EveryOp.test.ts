import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync } from "node:fs"
import { type DType, isFloating } from "../../../../runtime/onnx/DType.ts"
import { gradients } from "../../../../runtime/onnx/Gradient.ts"
import { constant, type Tensor } from "../../../../runtime/onnx/Graph.ts"
import { mul } from "../../../../runtime/onnx/ops/Arithmetic.ts"
import { reshape } from "../../../../runtime/onnx/ops/Layout.ts"
import { cast } from "../../../../runtime/onnx/ops/Logic.ts"
import { reduceSum } from "../../../../runtime/onnx/ops/Reduce.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { type TensorData, tensorData, toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "../checkGradient.ts"
import { evaluate, given } from "../evaluate.ts"
import { asGiven, type GradientCase, gradientCases, withoutGradient } from "./gradientCases.ts"

const folder = new URL("../../../../runtime/onnx/ops/", import.meta.url)

/** Floating values in another type. */
const as = (dtype: DType, value: TensorData): TensorData =>
  isFloating(value.dtype) ? tensorData(dtype, value.dims, toNumbers(value)) : value

/** The value of an op and its gradients, of a loss that weighs the elements differently, in a type. */
const inType = ({ f, inputs }: GradientCase, dtype: DType) => {
  // All types compute with what float16 can hold, so that only the op itself rounds.
  const values = inputs.map((value) => as(dtype, as("float16", value)))
  const floating = inputs.flatMap(({ dtype }, index) => isFloating(dtype) ? [index] : [])
  return evaluate(values.map((value) => given(value)), (tensors): Readonly<Record<string, Tensor>> => {
    const y = f(...tensors)
    const count = y.shape.reduce<number>((n, dim) => n * Number(dim), 1)
    const weights = tensorData("float32", [count], Array.from({ length: count }, (_, i) => Math.cos(i)))
    const loss = reduceSum(mul(cast(reshape(y, [count]), "float32"), constant(y.graph, weights)))
    const found = gradients(loss, floating.map((index) => tensors[index] as Tensor))
    return { y, ...Object.fromEntries(found.map((gradient, index) => [`gradient of ${floating[index]}`, gradient])) }
  }, { optimisation: "basic" })
}

layer(Sessions.layer)("every op", (it) => {
  it.effect("that a file of ops has is either in the table of gradients or said to have none", () =>
    Effect.gen(function*() {
      const files = readdirSync(folder).filter((file) => file.endsWith(".ts"))
      const names = yield* Effect.forEach(
        files,
        (file) =>
          Effect.promise(() => import(new URL(file, folder).href) as Promise<object>).pipe(Effect.map(Object.keys))
      )
      const known = [...Object.keys(gradientCases), ...Object.keys(withoutGradient)]
      expect(names.flat().toSorted()).toEqual(known.toSorted())
    }))

  for (const [name, { f, inputs, single }] of Object.entries(gradientCases)) {
    // onnxruntime fuses x sigmoid(x) into a kernel that exists for float32 only, at levels above "basic".
    const options = { optimisation: "basic" } as const
    it.effect(`${name} has the gradient that differences give`, () =>
      single === true
        ? checkGradient(inputs.map((value) => given(as("float32", value))), (tensors) => f(...tensors), {
          step: 1e-2,
          tolerance: 3e-3,
          ...options
        })
        // A cast to float32 in the middle leaves differences few digits.
        : checkGradient(asGiven({ f, inputs }), (tensors) => f(...tensors), {
          ...(name === "cast" && { step: 1e-2, tolerance: 1e-3 }),
          ...options
        }))

    it.effect(`${name} computes in float16 what it computes in float32, to three digits`, () =>
      Effect.gen(function*() {
        const [full, half] = [yield* inType({ f, inputs }, "float32"), yield* inType({ f, inputs }, "float16")]
        for (const [what, { dims, values }] of Object.entries(full)) {
          expect([what, half[what]?.dims]).toEqual([what, dims])
          values.forEach((value, index) => {
            const off = Math.abs((half[what]?.values[index] ?? NaN) - value)
            expect(off).toBeLessThan(4e-3 * (1 + Math.abs(value)))
          })
        }
      }))
  }

  it.effect("reduceMean of more values than float16 can count has a gradient", () =>
    Effect.gen(function*() {
      const { reduceMean } = yield* Effect.promise(() => import("../../../../runtime/onnx/ops/Reduce.ts"))
      const x = given(tensorData("float16", [70_000], Array(70_000).fill(1)), ["n"])
      const { dx } = yield* evaluate([x], ([x]) => ({
        dx: gradients(mul(cast(reduceMean(x!), "float32"), 1000), [x!])[0]
      }))
      expect(dx.values[0]).toBeCloseTo(1000 / 70_000, 4)
    }))
})
