import { expect, layer } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { dequantise } from "../../../../runtime/onnx/ops/Quantised.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { fromBytes } from "../../../../runtime/onnx/TensorData.ts"
import { quantisedShapes, quantiseRows } from "../../../../runtime/policy/quantised/QuantiseWeights.ts"
import { apply, given, varied } from "../../onnx/evaluate.ts"

const quantisations = Schema.Struct({
  bits: Schema.Literals([4, 8]),
  blockSize: Schema.Literals([32, 64, 128]),
  symmetric: Schema.Boolean,
  scales: Schema.Literals(["float32", "float16"])
})
const size = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))

const weightsOf = (rows: number, columns: number, low = -1, high = 1): Float32Array<ArrayBuffer> =>
  Float32Array.from(varied([rows, columns], low, high).data, Number)

layer(Sessions.layer)("quantised weights", (it) => {
  it.effect.prop("are read back by the op within half a step, a whole one at the edge of the range", {
    quantisation: quantisations,
    rows: size(5),
    columns: size(300),
    low: Schema.Literals([-1, -0.1, 0.5])
  }, ({ columns, low, quantisation, rows }) =>
    Effect.gen(function*() {
      const { blockSize, scales, symmetric } = quantisation
      const weights = weightsOf(rows, columns, low)
      const bytes = Result.getOrThrow(quantiseRows(weights, columns, quantisation))
      const shapes = quantisedShapes(quantisation, rows, columns)
      const parts = [
        given(fromBytes("uint8", shapes.packed, bytes.packed)),
        given(fromBytes(scales, shapes.scales, bytes.scales)),
        ...bytes.zeroPoints === undefined ? [] : [given(fromBytes("uint8", shapes.zeroPoints, bytes.zeroPoints))]
      ]
      const found = yield* apply(parts, ([packed, scales, zeroPoints]) =>
        dequantise({ ...quantisation, columns, packed: packed!, scales: scales!, zeroPoints }))
      expect(found.dims).toEqual([rows, columns])
      const blocks = shapes.scales[1]
      for (let block = 0; block < rows * blocks; block++) {
        const from = Math.floor(block / blocks) * columns + (block % blocks) * blockSize
        const to = Math.min(from + blockSize, (Math.floor(block / blocks) + 1) * columns)
        const own = Array.from(weights.subarray(from, to))
        const [least, most] = [Math.min(0, ...own), Math.max(0, ...own)]
        const largest = Math.max(-least, most)
        const step = symmetric ? largest / 2 ** (quantisation.bits - 1) : (most - least) / (2 ** quantisation.bits - 1)
        // The scale's own rounding moves the far end of the range by a part in 2,048.
        const slack = 1e-6 + (scales === "float16" ? largest / 1000 : 0)
        own.forEach((weight, index) => {
          const off = Math.abs(weight - found.values[from + index]!)
          const atEdge = !symmetric || largest - Math.abs(weight) < step / 2
          expect(off).toBeLessThan((atEdge ? step : step / 2) + slack)
        })
      }
    }), { arbitrary: { runs: 24 } })

  it("are the same whether rows come together or one by one", () => {
    const [rows, columns] = [7, 96]
    const weights = weightsOf(rows, columns)
    for (const symmetric of [true, false]) {
      const quantisation = { bits: 4, blockSize: 32, symmetric, scales: "bfloat16" } as const
      const whole = Result.getOrThrow(quantiseRows(weights, columns, quantisation))
      const single = Array.from(
        { length: rows },
        (_, row) =>
          Result.getOrThrow(quantiseRows(weights.slice(row * columns, (row + 1) * columns), columns, quantisation))
      )
      const joined = (part: "packed" | "scales" | "zeroPoints") => single.flatMap((bytes) => [...bytes[part] ?? []])
      expect([...whole.packed]).toEqual(joined("packed"))
      expect([...whole.scales]).toEqual(joined("scales"))
      expect([...whole.zeroPoints ?? []]).toEqual(joined("zeroPoints"))
    }
  })

  it("hold zeros and whole steps exactly, and use the whole range", () => {
    const steps = Float32Array.from({ length: 32 }, (_, i) => (i % 16 - 8) / 4)
    const quantisation = { bits: 4, blockSize: 32, symmetric: true, scales: "float32" } as const
    const { packed, scales } = Result.getOrThrow(quantiseRows(steps, 32, quantisation))
    expect([...packed]).toEqual([
      0x10,
      0x32,
      0x54,
      0x76,
      0x98,
      0xba,
      0xdc,
      0xfe,
      0x10,
      0x32,
      0x54,
      0x76,
      0x98,
      0xba,
      0xdc,
      0xfe
    ])
    expect(new Float32Array(scales.buffer)[0]).toBe(0.25)
    const zeros = Result.getOrThrow(quantiseRows(new Float32Array(32), 32, quantisation))
    expect([...zeros.packed]).toEqual(Array(16).fill(0x88))
  })

  it("refuse what is not a finite number, a scale beyond its type, and half a row", () => {
    const quantisation = { bits: 8, blockSize: 32, symmetric: true, scales: "float16" } as const
    expect(quantiseRows(Float32Array.from([1, NaN]), 2, quantisation)).toEqual(Result.fail(NaN))
    expect(quantiseRows(Float32Array.from([1, Infinity]), 2, quantisation)).toEqual(Result.fail(Infinity))
    expect(Result.isFailure(quantiseRows(Float32Array.from([1e9, 1]), 2, quantisation))).toBe(true)
    expect(() => quantiseRows(new Float32Array(3), 2, quantisation)).toThrow("rows have 2 weights, not 3")
  })
})
