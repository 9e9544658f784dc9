import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  addDims,
  canonical,
  divideDims,
  multiplyDims,
  sizeOf,
  substitute,
  subtractDims,
  symbolsOf
} from "../../../runtime/onnx/Dimension.ts"

const small = Schema.Int.check(Schema.isBetween({ minimum: -3, maximum: 3 }))
const polynomial = Schema.Tuple([small, small, small, small])

/** a + b x + c y + d x y as a dimension, and its value at x = 5, y = 7. */
const dimOf = ([a, b, c, d]: readonly [number, number, number, number]) =>
  [a, multiplyDims(b, "x"), multiplyDims(c, "y"), multiplyDims(d, "x*y")].reduce(addDims)

const valueOf = (dim: number | string): number => Number(substitute(dim, (symbol) => symbol === "x" ? 5 : 7))

describe("dimensions", () => {
  it("have one spelling", () => {
    expect(canonical("length+past")).toBe(canonical("past+length"))
    expect(canonical("b*a*2")).toBe("2*a*b")
    expect(canonical("n-n+3")).toBe(3)
    expect(addDims("length", -1)).toBe("length-1")
    expect(subtractDims("length", 1)).toBe("length-1")
    expect(sizeOf(["batch", 4, "length", 16])).toBe("64*batch*length")
    expect(sizeOf([])).toBe(1)
  })

  it("divide where the quotient is exact for all values", () => {
    expect(divideDims("64*batch*length", "4*batch")).toBe("16*length")
    expect(divideDims("64*batch", "length")).toBe(undefined)
    expect(divideDims(10, 4)).toBe(undefined)
    expect(divideDims("2*n+4", 2)).toBe("n+2")
    expect(divideDims("n", "n")).toBe(1)
    expect(divideDims(0, 0)).toBe(undefined)
  })

  it("name their symbols", () => {
    expect(symbolsOf("2*generate.past*heads-1")).toEqual(["generate.past", "heads"])
    expect(symbolsOf(7)).toEqual([])
  })

  it.prop("calculate as numbers do", { a: polynomial, b: polynomial }, ({ a, b }) => {
    const [left, right] = [dimOf(a), dimOf(b)]
    expect(valueOf(addDims(left, right))).toBe(valueOf(left) + valueOf(right))
    expect(valueOf(subtractDims(left, right))).toBe(valueOf(left) - valueOf(right))
    // Numbers know -0; dimensions do not.
    expect(valueOf(multiplyDims(left, right))).toBe(valueOf(left) * valueOf(right) + 0)
    expect(multiplyDims(0, -1)).toBe(0)
    expect(canonical(left)).toBe(left)
    expect(subtractDims(addDims(left, right), right)).toBe(left)
  })
})
