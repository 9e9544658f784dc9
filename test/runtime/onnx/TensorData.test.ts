import { describe, expect, it } from "@effect/vitest"
import { fromBytes, rawBytes, tensorData, toNumbers } from "../../../runtime/onnx/TensorData.ts"

describe("tensor data", () => {
  it("holds as many values as its dimensions ask for", () => {
    expect(() => tensorData("float32", [2, 3], [1])).toThrow("a tensor [2,3] holds 6 values, not 1")
  })

  it("rounds to half precision as IEEE does, and reads it back", () => {
    const half = tensorData("float16", [9], [1, -2, 65504, 1e6, 0.1, 6e-8, 2049, 2051, NaN])
    expect(Array.from(half.data as Uint16Array)).toEqual([
      0x3c00,
      0xc000,
      0x7bff,
      0x7c00,
      0x2e66,
      0x0001,
      0x6800,
      0x6802,
      0x7e00
    ])
    expect(toNumbers(half).slice(0, 8)).toEqual([1, -2, 65504, Infinity, 0.0999755859375, 2 ** -24, 2048, 2052])
  })

  it("rounds to brain floats to nearest even, and reads them back", () => {
    const brain = tensorData("bfloat16", [5], [1, -3.140625, 1.00390625, 1.01171875, NaN])
    expect(toNumbers(brain).slice(0, 4)).toEqual([1, -3.140625, 1, 1.015625])
    expect(toNumbers(brain)[4]).toBeNaN()
  })

  it("views bytes in place, and copies them only when they are not aligned", () => {
    const value = tensorData("float32", [2], [1.5, -2])
    const aligned = fromBytes("float32", [2], rawBytes(value))
    expect(aligned.data.buffer).toBe(value.data.buffer)
    const bytes = new Uint8Array([0, ...rawBytes(value)]).subarray(1)
    expect(toNumbers(fromBytes("float32", [2], bytes))).toEqual([1.5, -2])
  })

  it("keeps 64-bit integers and booleans", () => {
    expect(toNumbers(tensorData("int64", [2], [-1, 2 ** 40]))).toEqual([-1, 2 ** 40])
    expect(toNumbers(tensorData("bool", [3], [0, 1, 7]))).toEqual([0, 1, 1])
  })
})
