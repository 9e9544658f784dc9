import { describe, expect, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Schema } from "effect"
import { graph, input, type Tensor } from "../../../../runtime/onnx/Graph.ts"
import * as Arithmetic from "../../../../runtime/onnx/ops/Arithmetic.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { checkGradient, type Tolerance } from "../checkGradient.ts"
import { apply, given, varied } from "../evaluate.ts"

/** Kernels that onnxruntime has for float32 only. */
const single: Tolerance = { step: 1e-2, tolerance: 3e-3 }

interface Unary {
  readonly op: (x: Tensor) => Tensor
  readonly reference: (x: number) => number
  readonly low?: number
  readonly float32?: boolean
}

const erf = (x: number): number => {
  // Composite Simpson rule for 2/sqrt(pi) int_0^x e^(-t^2) dt.
  const n = 200
  const h = x / n
  const term = (k: number) => Math.exp(-((k * h) ** 2)) * (k === 0 || k === n ? 1 : k % 2 === 1 ? 4 : 2)
  return 2 / Math.sqrt(Math.PI) * h / 3 * Array.from({ length: n + 1 }, (_, k) => term(k)).reduce((a, b) => a + b)
}

const unary: Record<string, Unary> = {
  neg: { op: Arithmetic.neg, reference: (x) => -x },
  abs: { op: Arithmetic.abs, reference: Math.abs },
  exp: { op: Arithmetic.exp, reference: Math.exp },
  log: { op: Arithmetic.log, reference: Math.log, low: 0.1 },
  sqrt: { op: Arithmetic.sqrt, reference: Math.sqrt, low: 0.1 },
  reciprocal: { op: Arithmetic.reciprocal, reference: (x) => 1 / x, low: 0.2 },
  sin: { op: Arithmetic.sin, reference: Math.sin },
  cos: { op: Arithmetic.cos, reference: Math.cos },
  tanh: { op: Arithmetic.tanh, reference: Math.tanh },
  sigmoid: { op: Arithmetic.sigmoid, reference: (x) => 1 / (1 + Math.exp(-x)) },
  softplus: { op: Arithmetic.softplus, reference: (x) => Math.log1p(Math.exp(x)), float32: true },
  relu: { op: Arithmetic.relu, reference: (x) => Math.max(x, 0) },
  erf: { op: Arithmetic.erf, reference: erf, float32: true },
  gelu: { op: Arithmetic.gelu, reference: (x) => x / 2 * (1 + erf(x / Math.SQRT2)), float32: true },
  square: { op: Arithmetic.square, reference: (x) => x * x },
  silu: { op: Arithmetic.silu, reference: (x) => x / (1 + Math.exp(-x)) },
  clip: { op: (x) => Arithmetic.clip(x, -1, 0.5), reference: (x) => Math.min(Math.max(x, -1), 0.5) },
  identity: { op: Arithmetic.identity, reference: (x) => x },
  sign: { op: Arithmetic.sign, reference: Math.sign },
  floor: { op: Arithmetic.floor, reference: Math.floor },
  ceil: { op: Arithmetic.ceil, reference: Math.ceil }
}

const binary: Record<
  string,
  { op: (a: Tensor, b: Tensor) => Tensor; reference: (a: number, b: number) => number; low?: number }
> = {
  add: { op: Arithmetic.add, reference: (a, b) => a + b },
  sub: { op: Arithmetic.sub, reference: (a, b) => a - b },
  mul: { op: Arithmetic.mul, reference: (a, b) => a * b },
  div: { op: Arithmetic.div, reference: (a, b) => a / b, low: 0.3 },
  pow: { op: Arithmetic.pow, reference: (a, b) => a ** b, low: 0.2 },
  maximum: { op: Arithmetic.maximum, reference: Math.max },
  minimum: { op: Arithmetic.minimum, reference: Math.min }
}

const sizes = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 }))

/** Row-major index into an array of these dims, of an element of an array they broadcast to. */
const broadcastIndex = (dims: ReadonlyArray<number>, position: ReadonlyArray<number>): number => {
  const own = position.slice(position.length - dims.length)
  return dims.reduce((index, dim, axis) => index * dim + (dim === 1 ? 0 : own[axis] ?? 0), 0)
}

layer(Sessions.layer)("elementwise ops", (it) => {
  for (const [name, { float32, low = -2, op, reference }] of Object.entries(unary)) {
    it.effect(`${name} gives its value and gradient`, () =>
      Effect.gen(function*() {
        const doubles = varied([2, 7], low, 2)
        const x = given(float32 ? tensorData("float32", [2, 7], doubles.data as Float64Array) : doubles)
        // onnxruntime fuses x sigmoid(x) into a kernel that exists for float32 only, at levels above "basic".
        const level = { optimisation: "basic" } as const
        const y = yield* apply([x], ([x]) => op(x!), level)
        y.values.forEach((value, index) => expect(value).toBeCloseTo(reference(Number(x.value.data[index])), 5))
        yield* checkGradient([x], ([x]) => op(x!), { ...(float32 ? single : {}), ...level })
      }))
  }

  for (const [name, { low = -2, op, reference }] of Object.entries(binary)) {
    it.effect.prop(`${name} broadcasts, and its gradient sums over what was broadcast`, {
      dims: Schema.Tuple([sizes, sizes, sizes]),
      rank: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 })),
      flat: Schema.Tuple([Schema.Boolean, Schema.Boolean, Schema.Boolean]),
      swap: Schema.Boolean
    }, ({ dims, flat, rank, swap }) =>
      Effect.gen(function*() {
        const shorter = dims.map((dim, axis) => flat[axis] ? 1 : dim).slice(3 - rank)
        const [left, right] = swap ? [shorter, dims] : [dims, shorter]
        const [a, b] = [varied(left, low, 2, 1), varied(right, low, 2, 2)]
        const y = yield* apply([given(a), given(b)], ([a, b]) => op(a!, b!))
        expect(y.dims).toEqual(dims)
        y.values.forEach((value, index) => {
          const position = [
            Math.floor(index / (dims[1] * dims[2])),
            Math.floor(index / dims[2]) % dims[1],
            index % dims[2]
          ]
          const expected = reference(
            Number(a.data[broadcastIndex(left, position)]),
            Number(b.data[broadcastIndex(right, position)])
          )
          expect(value).toBeCloseTo(expected, 10)
        })
        yield* checkGradient([given(a), given(b)], ([a, b]) => op(a!, b!))
      }), { arbitrary: { runs: 8 } })
  }

  it.effect("sums gradients over broadcast axes whose sizes are only known at run time", () =>
    checkGradient(
      [
        given(varied([2, 3, 4]), ["batch", "length", 4]),
        given(varied([3, 1], 1, 2), ["length", 1]),
        given(varied([4], 1, 2))
      ],
      ([x, perRow, perColumn]) => Arithmetic.div(Arithmetic.mul(x!, perRow!), perColumn!)
    ))

  it.effect("a number stands for a constant on either side", () =>
    Effect.gen(function*() {
      const x = given(tensorData("float64", [2], [2, 4]))
      expect((yield* apply([x], ([x]) => Arithmetic.sub(1, x!))).values).toEqual([-1, -3])
      expect((yield* apply([x], ([x]) => Arithmetic.div(x!, 2))).values).toEqual([1, 2])
      yield* checkGradient([x], ([x]) => Arithmetic.pow(x!, 3))
      yield* checkGradient([x], ([x]) => Arithmetic.pow(1.5, x!))
    }))

  it.effect("gradients of ties go half to each side", () =>
    Effect.gen(function*() {
      const x = given(tensorData("float64", [3], [1, 2, 3]))
      const y = given(tensorData("float64", [3], [2, 2, 2]))
      yield* checkGradient([x, y], ([x, y]) => Arithmetic.maximum(x!, y!), { tolerance: 1e-4 })
      yield* checkGradient([x, y], ([x, y]) => Arithmetic.minimum(x!, y!), { tolerance: 1e-4 })
    }))

  it.effect("round goes to even, mod takes the sign of the divisor, isFinite refuses NaN", () =>
    Effect.gen(function*() {
      const x = given(tensorData("float64", [5], [0.5, 1.5, -2.5, Infinity, NaN]))
      expect((yield* apply([x], ([x]) => Arithmetic.round(x!))).values.slice(0, 3)).toEqual([0, 2, -2])
      expect((yield* apply([x], ([x]) => Arithmetic.isFinite(x!))).values).toEqual([1, 1, 1, 0, 0])
      const i = given(tensorData("int64", [3], [5, -5, 4]))
      expect((yield* apply([i], ([i]) => Arithmetic.mod(i!, 3))).values).toEqual([2, 1, 1])
    }))

  it.effect("stopGradient lets nothing through", () =>
    Effect.gen(function*() {
      const { gradients } = yield* Effect.promise(() => import("../../../../runtime/onnx/Gradient.ts"))
      const x = given(tensorData("float64", [], [3]))
      const y = yield* apply([x], ([x]) => gradients(Arithmetic.mul(x!, Arithmetic.stopGradient(x!)), [x!])[0]!)
      expect(y.values).toEqual([3])
    }))
})

describe("elementwise ops refuse", () => {
  const program = graph("refused")
  const x = input(program, "x", "float32", ["batch", 3])
  it("shapes that do not broadcast", () => {
    const y = input(program, "y", "float32", ["batch", 4])
    expect(() => Arithmetic.add(x, y)).toThrow(
      "add: cannot broadcast [batch, 3] with [batch, 4]: 3 is not 4 (x: float32[batch, 3]; y: float32[batch, 4])"
    )
  })
  it("symbols that are not known to be equal", () => {
    const z = input(program, "z", "float32", ["other", 3])
    expect(() => Arithmetic.mul(x, z)).toThrow(
      "batch and other are not known to be equal (assume() states that they are)"
    )
  })
  it("operands of two types", () => {
    const n = input(program, "n", "int64", [3])
    expect(() => Arithmetic.add(x, n)).toThrow("operands differ in type; use cast")
  })
})
