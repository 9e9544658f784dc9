import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { fromBytes, rawBytes, tensorData, toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { convertWeights, type WeightType } from "../../../../runtime/policy/checkpoint/WeightType.ts"

const bytes = (type: WeightType, values: ReadonlyArray<number>) =>
  Uint8Array.from(rawBytes(tensorData(type, [values.length], values)))

const convert = (from: WeightType, to: WeightType, given: Uint8Array<ArrayBuffer>) => {
  const converted = Result.getOrThrow(convertWeights(from, to, given))
  return fromBytes(to, [converted.byteLength], converted)
}

const everyHalf = () => new Uint8Array(Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits).buffer)

describe("convertWeights", () => {
  for (const type of ["float16", "bfloat16"] as const) {
    it(`gives the values of every ${type} as float32, and comes back to the same bits`, () => {
      const wide = convert(type, "float32", everyHalf())
      const expected = toNumbers(fromBytes(type, [2 ** 16], everyHalf()))
      // Compared as a whole: 65,536 expectations would take seconds.
      expect([...wide.data].every((value, bits) => Object.is(value, expected[bits]))).toBe(true)
      const finite = expected.filter(Number.isFinite)
      expect(toNumbers(convert("float32", type, bytes("float32", finite)))).toEqual(finite)
    })
  }

  it.prop("rounds as the values themselves are rounded", [Schema.Finite], ([value]) => {
    const float = Math.fround(value)
    for (const type of ["float16", "bfloat16"] as const) {
      const rounded = toNumbers(tensorData(type, [1], [float]))
      const converted = convertWeights("float32", type, bytes("float32", [float]))
      if (Math.abs(rounded[0] ?? 0) === Infinity) {
        expect(converted).toEqual(Number.isFinite(float) ? Result.fail(float) : Result.succeed(expect.anything()))
      } else expect(toNumbers(convert("float32", type, bytes("float32", [float])))).toEqual(rounded)
    }
  })

  it("rounds ties to even, keeps subnormals, infinity and NaN, and refuses what is too large", () => {
    const values = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -24, 2 ** -25, 1.5 * 2 ** -25, -(2 ** -14), 65504, 65519]
    const halves = [1, 1 + 2 ** -9, 2 ** -24, 0, 2 ** -24, -(2 ** -14), 65504, 65504]
    expect(toNumbers(convert("float32", "float16", bytes("float32", values)))).toEqual(halves)
    const strange = [Infinity, -Infinity, Number.NaN]
    for (const type of ["float16", "bfloat16"] as const) {
      expect(toNumbers(convert("float32", type, bytes("float32", strange)))).toEqual(strange)
    }
    expect(convertWeights("float32", "float16", bytes("float32", [0, 65520]))).toEqual(Result.fail(65520))
    expect(convertWeights("bfloat16", "float16", bytes("bfloat16", [2 ** 20]))).toEqual(Result.fail(2 ** 20))
  })
})
