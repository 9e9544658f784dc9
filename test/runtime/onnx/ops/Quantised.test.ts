import { NodeFileSystem } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import type { DType } from "../../../../runtime/onnx/DType.ts"
import { gradients } from "../../../../runtime/onnx/Gradient.ts"
import { constant, graph, input, output, parameter, type Tensor } from "../../../../runtime/onnx/Graph.ts"
import { serialise } from "../../../../runtime/onnx/Model.ts"
import { dequantise, matMulNBits } from "../../../../runtime/onnx/ops/Quantised.ts"
import { reduceSum } from "../../../../runtime/onnx/ops/Reduce.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { type TensorData, tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "../checkGradient.ts"
import { evaluate, given, varied } from "../evaluate.ts"
import { fixedBytes, optimised } from "../optimised.ts"

interface Layout {
  readonly bits: 4 | 8
  readonly blockSize: number
  readonly rows: number
  readonly columns: number
  readonly zeroPoints: boolean
}

const numbers = ({ data }: TensorData): ReadonlyArray<number> => Array.from(data, Number)

const as = (dtype: DType, value: TensorData) => tensorData(dtype, value.dims, numbers(value))

const whole = (count: number, top: number, seed: number): ReadonlyArray<number> =>
  numbers(varied([count], 0, top + 1, seed)).map(Math.floor)

/** Random numbers in the layout, and the matrix they stand for by definition. */
const sample = ({ bits, blockSize, columns, rows, zeroPoints }: Layout, dtype: DType = "float32") => {
  const blocks = Math.ceil(columns / blockSize)
  const codes = whole(rows * blocks * blockSize, 2 ** bits - 1, 1)
  const zeros = whole(rows * blocks, 2 ** bits - 1, 2)
  const scales = numbers(varied([rows * blocks], -0.2, 0.2, 3))
  const pack = (values: ReadonlyArray<number>, perRow: number) =>
    bits === 8 ?
      values :
      Array.from({ length: values.length / perRow }, (_, row) =>
        Array.from({ length: Math.ceil(perRow / 2) }, (_, byte) => {
          const [low, high = 0] = values.slice(
            row * perRow + 2 * byte,
            Math.min(row * perRow + 2 * byte + 2, (row + 1) * perRow)
          )
          return low! + 16 * high
        })).flat()
  const values = Array.from({ length: rows * columns }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns]
    const block = row * blocks + Math.floor(column / blockSize)
    return scales[block]! *
      (codes[row * blocks * blockSize + column]! - (zeroPoints ? zeros[block]! : 2 ** (bits - 1)))
  })
  const inputs = [
    given(tensorData("uint8", [rows, blocks, blockSize * bits / 8], pack(codes, blockSize))),
    given(tensorData(dtype, [rows, blocks], scales)),
    ...zeroPoints ? [given(tensorData("uint8", [rows, Math.ceil(blocks * bits / 8)], pack(zeros, blocks)))] : []
  ]
  const matrix = ([packed, scales, zeroPoints]: ReadonlyArray<Tensor>) => ({
    bits,
    blockSize,
    columns,
    packed: packed!,
    scales: scales!,
    zeroPoints
  })
  return { inputs, matrix, values }
}

const furthest = (values: ReadonlyArray<number>, others: ReadonlyArray<number>): number =>
  Math.max(...values.map((value, index) => Number.isNaN(value) ? Infinity : Math.abs(value - others[index]!)))

const layouts = Schema.Struct({
  bits: Schema.Literals([4, 8]),
  blockSize: Schema.Literals([32, 64, 128]),
  rows: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })),
  columns: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 })),
  zeroPoints: Schema.Boolean
})

layer(Layer.mergeAll(Sessions.layer, NodeFileSystem.layer))("quantised matrices", (it) => {
  it.effect.prop(
    "dequantise to s (q - z), and multiply as what they stand for",
    { layout: layouts },
    ({ layout }) =>
      Effect.gen(function*() {
        const { inputs, matrix, values } = sample(layout)
        const x = given(as("float32", varied([2, 3, layout.columns], -1, 1, 4)), ["batch", "length", layout.columns])
        const { dx, plain, y } = yield* evaluate([x, ...inputs], ([x, ...parts]) => {
          const y = matMulNBits(x!, matrix(parts))
          return { plain: dequantise(matrix(parts)), y, dx: gradients(reduceSum(y), [x!])[0] }
        })
        expect(plain.dims).toEqual([layout.rows, layout.columns])
        expect(furthest(plain.values, values)).toBeLessThan(1e-5)
        const product = Array.from({ length: 6 * layout.rows }, (_, index) => {
          const [row, out] = [Math.floor(index / layout.rows), index % layout.rows]
          return Array.from(
            { length: layout.columns },
            (_, k) => Number(x.value.data[row * layout.columns + k]) * values[out * layout.columns + k]!
          ).reduce((a, b) => a + b)
        })
        expect(y.dims).toEqual([2, 3, layout.rows])
        expect(furthest(y.values, product)).toBeLessThan(1e-3)
        // The gradient of the sum of y is the sum over rows, the same for every x.
        const sums = Array.from(
          { length: layout.columns },
          (_, k) =>
            Array.from({ length: layout.rows }, (_, out) => values[out * layout.columns + k]!).reduce((a, b) => a + b)
        )
        expect(furthest(dx.values, Array(6).fill(sums).flat())).toBeLessThan(1e-3)
      }),
    { arbitrary: { runs: 24 } }
  )

  it.effect.each([4, 8] as const)("have the gradient that differences give, at %s bits", (bits) => {
    const { inputs, matrix } = sample({ bits, blockSize: 32, rows: 5, columns: 40, zeroPoints: true })
    // The kernel has no float64: small numbers, of which coarse differences are exact enough.
    const small = inputs.map(({ value }) =>
      value.dtype === "uint8" ? value : tensorData("float32", value.dims, numbers(value).map((s) => s / 2 ** bits))
    )
    const fixed = (x: Tensor) => small.map((value) => constant(x.graph, value))
    return checkGradient(
      [given(as("float32", varied([2, 40], -0.3, 0.3, 5)))],
      ([x]) => matMulNBits(x!, matrix(fixed(x!))),
      { step: 1e-2, tolerance: 5e-3 }
    )
  })

  it.effect("multiply in 8 bits where asked to, which is nearly the same", () =>
    Effect.gen(function*() {
      const { inputs, matrix } = sample({ bits: 8, blockSize: 32, rows: 6, columns: 64, zeroPoints: false })
      const { exact, rounded } = yield* evaluate([given(as("float32", varied([3, 64])))], ([x]) => {
        const parts = inputs.map(({ value }) => constant(x!.graph, value))
        return {
          exact: matMulNBits(x!, matrix(parts)),
          rounded: matMulNBits(x!, matrix(parts), { roundInputs: true })
        }
      })
      const off = furthest(rounded.values, exact.values)
      expect(off).toBeGreaterThan(0)
      expect(off).toBeLessThan(0.02 * Math.max(...exact.values.map(Math.abs)))
    }))

  it.effect("multiplies in float16", () =>
    Effect.gen(function*() {
      const layout = { bits: 4, blockSize: 32, rows: 6, columns: 64, zeroPoints: true } as const
      const x = varied([3, 64], -1, 1, 4)
      const [full, half] = yield* Effect.all((["float32", "float16"] as const).map((dtype) => {
        const { inputs, matrix } = sample(layout, dtype)
        return evaluate([given(as(dtype, x)), ...inputs], ([x, ...parts]) => {
          const y = matMulNBits(x!, matrix(parts))
          return { y, dx: gradients(reduceSum(y), [x!])[0] }
        })
      }))
      expect(furthest(half!.y.values, full!.y.values)).toBeLessThan(0.05)
      expect(furthest(half!.dx.values, full!.dx.values)).toBeLessThan(0.05)
    }))

  it.effect("are never unpacked ahead of the gradient that needs them", () =>
    Effect.gen(function*() {
      const { inputs, matrix, values } = sample({ bits: 4, blockSize: 32, rows: 7, columns: 64, zeroPoints: true })
      const program = graph("frozen")
      const x = input(program, "x", "float32", ["n", 64])
      const parts = inputs.map(({ value }, i) => parameter(program, `part ${i}`, value.dtype, value.dims, value))
      const y = matMulNBits(x, matrix(parts))
      output("y", y)
      output("dx", gradients(reduceSum(y), [x])[0])
      const bytes = fixedBytes(yield* optimised(serialise(program, { domains: { "com.microsoft": 1 } })))
      expect(bytes).toBeLessThan(values.length * 4 / 2)
    }))

  it("refuse parts whose shapes do not belong together", () => {
    const program = graph("refused")
    const x = input(program, "x", "float32", ["n", 64])
    const packed = input(program, "packed", "uint8", [5, 2, 16])
    const scales = input(program, "scales", "float32", [5, 2])
    const matrix = { bits: 4, blockSize: 32, columns: 64, packed, scales } as const
    expect(matMulNBits(x, matrix).shape).toEqual(["n", 5])
    expect(() => matMulNBits(x, { ...matrix, columns: 65 })).toThrow("must be [5, 3, 16] (packed: uint8[5, 2, 16])")
    expect(() => matMulNBits(x, { ...matrix, zeroPoints: packed })).toThrow("must be [5, 1]")
    expect(() => matMulNBits(input(program, "y", "float32", ["n", 60]), matrix)).toThrow("takes [..., 64]")
    expect(() => matMulNBits(input(program, "z", "float16", ["n", 64]), matrix)).toThrow("operands differ in type")
  })
})
