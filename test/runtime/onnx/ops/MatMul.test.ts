import { expect, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { graph, input } from "../../../../runtime/onnx/Graph.ts"
import { gemm, linear, matMul } from "../../../../runtime/onnx/ops/MatMul.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "../checkGradient.ts"
import { apply, given, varied } from "../evaluate.ts"

type Matrix = ReadonlyArray<ReadonlyArray<number>>

const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, column) => row.reduce((sum, value, k) => sum + value * b[k]![column]!, 0)))

const transposed = (a: Matrix): Matrix => a[0]!.map((_, column) => a.map((row) => row[column]!))

const matrix = (values: ArrayLike<number | bigint>, rows: number, columns: number, offset = 0): Matrix =>
  Array.from(
    { length: rows },
    (_, row) => Array.from({ length: columns }, (_, column) => Number(values[offset + row * columns + column]))
  )

const size = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 }))

layer(Sessions.layer)("matrix products", (it) => {
  it.effect.prop("gemm multiplies, either side transposed", {
    m: size,
    k: size,
    n: size,
    left: Schema.Boolean,
    right: Schema.Boolean
  }, ({ k, left, m, n, right }) =>
    Effect.gen(function*() {
      const a = given(varied(left ? [k, m] : [m, k], -1, 1, 1))
      const b = given(varied(right ? [n, k] : [k, n], -1, 1, 2))
      const options = { transposeA: left, transposeB: right }
      const y = yield* apply([a, b], ([a, b]) => gemm(a!, b!, options))
      const [A, B] = [
        matrix(a.value.data, ...a.value.dims as [number, number]),
        matrix(b.value.data, ...b.value.dims as [number, number])
      ]
      const expected = product(left ? transposed(A) : A, right ? transposed(B) : B).flat()
      y.values.forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 10))
      yield* checkGradient([a, b], ([a, b]) => gemm(a!, b!, options))
    }), { arbitrary: { runs: 16 } })

  it.effect("matMul broadcasts the axes before the last two", () =>
    Effect.gen(function*() {
      const a = given(varied([2, 1, 3, 4], -1, 1, 1))
      const b = given(varied([5, 4, 2], -1, 1, 2))
      const y = yield* apply([a, b], ([a, b]) => matMul(a!, b!))
      expect(y.dims).toEqual([2, 5, 3, 2])
      for (const i of [0, 1]) {
        for (const j of [0, 1, 2, 3, 4]) {
          const expected = product(matrix(a.value.data, 3, 4, i * 12), matrix(b.value.data, 4, 2, j * 8)).flat()
          expected.forEach((value, index) => expect(y.values[(i * 5 + j) * 6 + index]).toBeCloseTo(value, 10))
        }
      }
      yield* checkGradient([a, b], ([a, b]) => matMul(a!, b!))
    }))

  it.effect.prop("matMul broadcasts any axes before the last two, of known and symbolic size", {
    dims: Schema.Tuple([size, size, size, size, size]),
    flat: Schema.Tuple([Schema.Boolean, Schema.Boolean, Schema.Boolean, Schema.Boolean]),
    rank: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 })),
    symbolic: Schema.Boolean
  }, ({ dims: [outer, inner, m, k, n], flat, rank, symbolic }) =>
    Effect.gen(function*() {
      const [left, right] = [
        [flat[0] ? 1 : outer, flat[1] ? 1 : inner],
        [flat[2] ? 1 : outer, flat[3] ? 1 : inner].slice(2 - rank)
      ]
      const named = (batch: ReadonlyArray<number>) =>
        batch.map((dim, axis) => symbolic && dim > 1 ? ["outer", "inner"][axis + 2 - batch.length]! : dim)
      const a = given(varied([...left, m, k], -1, 1, 1), [...named(left), m, k])
      const b = given(varied([...right, k, n], -1, 1, 2), [...named(right), k, n])
      const y = yield* apply([a, b], ([a, b]) => matMul(a!, b!))
      const [shortest = 1, long = 1] = [right.at(-2), right.at(-1)]
      const batch = [Math.max(left[0]!, shortest), Math.max(left[1]!, long)] as const
      expect(y.dims).toEqual([...batch, m, n])
      const at = (own: ReadonlyArray<number>, i: number, j: number) =>
        own.length === 0
          ? 0
          : (own.at(-2) ?? 1) === 1
          ? (own.at(-1) === 1 ? 0 : j)
          : i * own.at(-1)! + (own.at(-1) === 1 ? 0 : j)
      for (let i = 0; i < batch[0]; i++) {
        for (let j = 0; j < batch[1]; j++) {
          const expected = product(
            matrix(a.value.data, m, k, at(left, i, j) * m * k),
            matrix(b.value.data, k, n, at(right, i, j) * k * n)
          ).flat()
          expected.forEach((value, index) =>
            expect(y.values[(i * batch[1] + j) * m * n + index]).toBeCloseTo(value, 10)
          )
        }
      }
      yield* checkGradient([a, b], ([a, b]) => matMul(a!, b!))
    }), { arbitrary: { runs: 12 } })

  it.effect("gradients hold for symbolic sizes, shared matrices and plain ones", () =>
    Effect.gen(function*() {
      const x = given(varied([2, 3, 4], -1, 1, 1), ["batch", "length", 4])
      const w = given(varied([4, 2], -1, 1, 2))
      const keys = given(varied([2, 4, 3], -1, 1, 3), ["batch", 4, "length"])
      yield* checkGradient([x, w], ([x, w]) => matMul(x!, w!))
      yield* checkGradient([x, keys], ([x, keys]) => matMul(x!, keys!))
      yield* checkGradient([given(varied([2, 3])), given(varied([3, 2], -1, 1, 2))], ([a, b]) => matMul(a!, b!))
    }))

  it.effect("linear multiplies by a weight stored [out, in]", () =>
    Effect.gen(function*() {
      const x = given(tensorData("float64", [1, 2, 2], [1, 2, 3, 4]), ["batch", "length", 2])
      const w = given(tensorData("float64", [3, 2], [1, 0, 0, 1, 1, 1]))
      const y = yield* apply([x, w], ([x, w]) => linear(x!, w!))
      expect(y).toEqual({ dims: [1, 2, 3], values: [1, 2, 3, 3, 4, 7] })
      yield* checkGradient([x, w], ([x, w]) => linear(x!, w!))
    }))

  it("says which dimensions do not fit", () => {
    const program = graph("refused")
    const a = input(program, "a", "float32", ["batch", 2, 3])
    const b = input(program, "b", "float32", [4, 5])
    expect(() => matMul(a, b)).toThrow(
      "matMul: inner dimensions 3 and 4 differ (a: float32[batch, 2, 3]; b: float32[4, 5])"
    )
    expect(() => gemm(b, b)).toThrow("gemm: cannot multiply [4, 5] with [4, 5]")
    expect(() => matMul(a, input(program, "c", "float32", [2, 3, 5]))).toThrow("cannot broadcast [batch] with [2]")
  })
})
