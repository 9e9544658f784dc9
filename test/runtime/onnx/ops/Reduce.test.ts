import { expect, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { graph, input, type Tensor } from "../../../../runtime/onnx/Graph.ts"
import * as Reduce from "../../../../runtime/onnx/ops/Reduce.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "../checkGradient.ts"
import { apply, given, varied } from "../evaluate.ts"

const total = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0)

const reductions: Record<
  string,
  { op: (x: Tensor, options?: Reduce.Reduction) => Tensor; reference: (values: ReadonlyArray<number>) => number }
> = {
  reduceSum: { op: Reduce.reduceSum, reference: total },
  reduceMean: { op: Reduce.reduceMean, reference: (values) => total(values) / values.length },
  reduceMax: { op: Reduce.reduceMax, reference: (values) => Math.max(...values) },
  reduceMin: { op: Reduce.reduceMin, reference: (values) => Math.min(...values) },
  logSumExp: { op: Reduce.logSumExp, reference: (values) => Math.log(total(values.map(Math.exp))) }
}

const dims = [2, 3, 4] as const
const strides = [12, 4, 1] as const

/** The values that fall into each result when these axes are reduced, results in row-major order. */
const groups = (values: ReadonlyArray<number>, axes: ReadonlySet<number>): ReadonlyArray<ReadonlyArray<number>> => {
  const found = new Map<number, Array<number>>()
  values.forEach((value, index) => {
    const key = strides.reduce(
      (sum, stride, axis) => axes.has(axis) ? sum : sum + (Math.floor(index / stride) % dims[axis]!) * stride,
      0
    )
    found.set(key, [...found.get(key) ?? [], value])
  })
  return [...found].toSorted(([a], [b]) => a - b).map(([, group]) => group)
}

layer(Sessions.layer)("reductions", (it) => {
  for (const [name, { op, reference }] of Object.entries(reductions)) {
    it.effect.prop(`${name} over any axes, of known and symbolic size`, {
      reduced: Schema.Tuple([Schema.Boolean, Schema.Boolean, Schema.Boolean]),
      keepDims: Schema.Boolean,
      symbolic: Schema.Boolean
    }, ({ keepDims, reduced, symbolic }) =>
      Effect.gen(function*() {
        const axes = reduced.flatMap((reduce, axis) => reduce ? [axis] : [])
        const x = given(varied(dims), symbolic ? ["batch", "length", 4] : dims)
        const y = yield* apply([x], ([x]) => op(x!, { axes, keepDims }))
        expect(y.dims).toEqual(dims.flatMap((dim, axis) => !reduced[axis] ? [dim] : keepDims ? [1] : []))
        const expected = groups(Array.from(x.value.data, Number), new Set(axes)).map((group) =>
          axes.length === 0 ? group[0]! : reference(group)
        )
        y.values.forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 10))
        yield* checkGradient([x], ([x]) => op(x!, { axes, keepDims }))
      }), { arbitrary: { runs: 8 } })
  }

  it.effect("reduces all axes when none are named, and counts axes from the back", () =>
    Effect.gen(function*() {
      const x = given(tensorData("float64", [2, 2], [1, 2, 3, 4]))
      expect(yield* apply([x], ([x]) => Reduce.reduceSum(x!))).toEqual({ dims: [], values: [10] })
      expect(yield* apply([x], ([x]) => Reduce.reduceSum(x!, { axes: [-1] }))).toEqual({ dims: [2], values: [3, 7] })
    }))

  it.effect("shares the gradient of a maximum among equal values", () =>
    Effect.gen(function*() {
      const { gradients } = yield* Effect.promise(() => import("../../../../runtime/onnx/Gradient.ts"))
      const x = given(tensorData("float64", [3], [1, 2, 2]))
      expect((yield* apply([x], ([x]) => gradients(Reduce.reduceMax(x!), [x!])[0]!)).values).toEqual([0, 0.5, 0.5])
    }))

  it.effect("logSumExp neither overflows nor underflows", () =>
    Effect.gen(function*() {
      const x = given(tensorData("float32", [3, 2], [1000, 1000, -1000, -1000, -Infinity, -Infinity]))
      const y = yield* apply([x], ([x]) => Reduce.logSumExp(x!, { axes: [1] }))
      expect(y.values[0]).toBeCloseTo(1000 + Math.log(2), 3)
      expect(y.values[1]).toBeCloseTo(-1000 + Math.log(2), 3)
      expect(y.values[2]).toBe(-Infinity)
    }))

  it("refuses an axis that is not there, and a sum to a shape that was not broadcast", () => {
    const x = input(graph("refused"), "x", "float32", [2, 3])
    expect(() => Reduce.reduceSum(x, { axes: [2] })).toThrow("reduceSum: there is no axis 2 (x: float32[2, 3])")
    expect(() => Reduce.sumTo(x, [4])).toThrow("was not broadcast from [4]")
  })
})
