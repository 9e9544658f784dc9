import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { gradients, pullback } from "../../../runtime/onnx/Gradient.ts"
import { emit, graph, input, type Tensor } from "../../../runtime/onnx/Graph.ts"
import { add, exp, mul, sin, square, stopGradient } from "../../../runtime/onnx/ops/Arithmetic.ts"
import { gather, gatherElements } from "../../../runtime/onnx/ops/Index.ts"
import { reshape, transpose, unsqueeze } from "../../../runtime/onnx/ops/Layout.ts"
import { cast, greater, where } from "../../../runtime/onnx/ops/Logic.ts"
import { linear, matMul } from "../../../runtime/onnx/ops/MatMul.ts"
import { reduceMean, reduceSum } from "../../../runtime/onnx/ops/Reduce.ts"
import { logSoftmax, softmax } from "../../../runtime/onnx/ops/Softmax.ts"
import { Sessions } from "../../../runtime/onnx/Sessions.ts"
import { int64, tensorData } from "../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "./checkGradient.ts"
import { apply, evaluate, given, varied } from "./evaluate.ts"

const x = given(tensorData("float64", [2], [0.5, -1]))

layer(Sessions.layer)("gradients", (it) => {
  it.effect("add up over all the ways a tensor is used", () =>
    Effect.gen(function*() {
      const dx = yield* apply([x], ([x]) => gradients(reduceSum(add(mul(x!, x!), mul(x!, 3))), [x!])[0]!)
      expect(dx.values).toEqual([4, 1])
    }))

  it.effect("are zeros where the loss does not depend on a tensor", () =>
    Effect.gen(function*() {
      const { a, b } = yield* evaluate([x, given(varied([2, 3]), ["n", 3])], ([x, y]) => {
        const [a, b] = gradients(reduceSum(x!), [x!, y!])
        return { a: a!, b: b! }
      })
      expect(a.values).toEqual([1, 1])
      expect(b).toEqual({ dims: [2, 3], values: Array(6).fill(0) })
    }))

  it.effect("of gradients: second and third derivatives", () =>
    Effect.gen(function*() {
      const derivative = (f: (x: Tensor) => Tensor) => (x: Tensor) => gradients(reduceSum(f(x)), [x])[0] as Tensor
      const third = derivative(derivative(derivative((x) => mul(x, sin(x)))))
      const y = yield* apply([x], ([x]) => third(x!))
      // (x sin x)''' = -3 sin x - x cos x
      y.values.forEach((value, index) => {
        const at = Number(x.value.data[index])
        expect(value).toBeCloseTo(-3 * Math.sin(at) - at * Math.cos(at), 10)
      })
    }))

  it.effect("with respect to tensors in the middle of a graph", () =>
    Effect.gen(function*() {
      const dy = yield* apply([x], ([x]) => {
        const y = square(x!)
        return gradients(reduceSum(mul(y, y)), [y])[0]!
      })
      expect(dy.values).toEqual([0.5, 2])
    }))

  it.effect("do not flow through integers, comparisons and stopGradient", () =>
    Effect.gen(function*() {
      const dx = yield* apply([x], ([x]) => {
        const steps = cast(cast(x!, "int64"), "float64")
        const chosen = where(greater(x!, 0), steps, stopGradient(exp(x!)))
        return gradients(reduceSum(add(chosen, x!)), [x!])[0]!
      })
      expect(dx.values).toEqual([1, 1])
    }))

  it.effect("of a small attention layer with a shared embedding agree with differences", () =>
    Effect.gen(function*() {
      const embedding = given(varied([5, 4], -1, 1, 1))
      const projection = given(varied([4, 4], -1, 1, 2))
      const scale = given(varied([4], 0.5, 1.5, 3))
      const tokens = given(int64([2, 3], [0, 1, 4, 4, 2, 1]), ["batch", "length"])
      yield* checkGradient([embedding, projection, scale, tokens], ([embedding, projection, scale, tokens]) => {
        const h = gather(embedding!, tokens!)
        const norm = mul(scale!, mul(h, exp(mul(reduceMean(square(h), { axes: [-1], keepDims: true }), -0.5))))
        const heads = transpose(reshape(linear(norm, projection!), ["batch", "length", 2, 2]), [0, 2, 1, 3])
        const weights = softmax(matMul(heads, transpose(heads, [0, 1, 3, 2])))
        const mixed = reshape(transpose(matMul(weights, heads), [0, 2, 1, 3]), ["batch", "length", 4])
        const logProbs = logSoftmax(linear(add(h, mixed), embedding!))
        return gatherElements(logProbs, unsqueeze(tokens!, [2]))
      })
    }))

  it("tell an op which of them are asked for", () => {
    const program = graph("needed")
    const [a, b] = [input(program, "a", "float32", []), input(program, "b", "float32", [])]
    const asked: Array<ReadonlyArray<boolean>> = []
    const both = emit({
      op: "Add",
      inputs: [a, b],
      dtype: "float32",
      shape: [],
      gradient: (dy, needed) => {
        asked.push(needed)
        return [dy, dy]
      }
    })
    gradients(both, [a])
    gradients(both, [b, a])
    expect(asked).toEqual([[true, false], [true, true]])
  })

  it.effect("that arrive at a tensor are carried back to leaves, and not beyond them", () =>
    Effect.gen(function*() {
      const { beyond, total } = yield* evaluate([x], ([x]) => {
        const y = square(x!)
        const z = mul(y, x!)
        const dz = mul(x!, 10)
        return { total: pullback(z, dz, [x!])[0], beyond: pullback(z, dz, [x!], new Set([x!, y]))[0] }
      })
      // z = x^3, dz = 10 x: 30 x^3 in all, 10 x^3 with y = x^2 given.
      expect(total.values).toEqual([3.75, -30])
      expect(beyond.values).toEqual([1.25, -10])
    }))

  it("refuse a loss that is not a floating scalar, integers, and ops without a gradient", () => {
    const program = graph("refused")
    const x = input(program, "x", "float32", [2])
    const n = input(program, "n", "int64", [])
    expect(() => gradients(x, [x])).toThrow("gradients: the loss must be a floating scalar (x: float32[2])")
    expect(() => gradients(reduceSum(x), [n])).toThrow("gradients: has no gradient by its type (n: int64[])")
    const rounded = emit({ op: "Mish", inputs: [x], dtype: "float32", shape: [2] })
    expect(() => gradients(reduceSum(rounded), [x])).toThrow(
      "Mish in gradient: has no gradient; use stopGradient around it"
    )
    const wrong = emit({ op: "Mish", inputs: [x], dtype: "float32", shape: [2], gradient: (dy) => [reduceSum(dy)] })
    expect(() => gradients(reduceSum(wrong), [x])).toThrow(
      "its gradient rule gives another shape or type than its input has: a bug in the op"
    )
  })
})
