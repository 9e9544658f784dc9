import { expect, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { graph, input, type Tensor } from "../../../../runtime/onnx/Graph.ts"
import { mul } from "../../../../runtime/onnx/ops/Arithmetic.ts"
import { concat, pad, slice, sliceAt, split, stack } from "../../../../runtime/onnx/ops/Join.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { int64, tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "../checkGradient.ts"
import { apply, evaluate, given, varied } from "../evaluate.ts"

const x = given(varied([2, 5]), ["batch", "length"])
const counting = given(tensorData("float64", [5], [0, 1, 2, 3, 4]), ["length"])

layer(Sessions.layer)("joining and cutting", (it) => {
  it.effect("concat puts tensors one after the other, with sizes that add up", () =>
    Effect.gen(function*() {
      const y = given(varied([2, 3], 0, 1, 2), ["batch", "more"])
      const joined = yield* evaluate([x, y], ([x, y]) => {
        const joined = concat([x!, y!, x!], 1)
        expect(joined.shape).toEqual(["batch", "2*length+more"])
        return { joined }
      })
      const [a, b] = [Array.from(x.value.data, Number), Array.from(y.value.data, Number)]
      expect(joined.joined.values).toEqual([
        ...a.slice(0, 5),
        ...b.slice(0, 3),
        ...a.slice(0, 5),
        ...a.slice(5),
        ...b.slice(3),
        ...a.slice(5)
      ])
      yield* checkGradient([x, y], ([x, y]) => concat([x!, y!, x!], 1))
    }))

  const size = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 }))
  it.effect.prop("concat undoes split, and slice cuts the same pieces, along any axis", {
    dims: Schema.Tuple([size, size, size]),
    axis: Schema.Literals([0, 1, 2, -1]),
    pieces: Schema.NonEmptyArray(size).check(Schema.isMaxLength(4)),
    symbolic: Schema.Boolean
  }, ({ axis, dims, pieces, symbolic }) =>
    Effect.gen(function*() {
      const at = axis < 0 ? axis + 3 : axis
      const whole = dims.with(at, pieces.reduce((a, b) => a + b, 0))
      const x = given(varied(whole), symbolic ? whole.map((dim, other) => other === at ? dim : `d${other}`) : whole)
      const starts = pieces.map((_, index) => pieces.slice(0, index).reduce((a, b) => a + b, 0))
      const found = yield* evaluate([x], ([x]) => {
        const parts: ReadonlyArray<Tensor> = split(x!, axis, pieces)
        const cut = pieces.map((piece, index) => slice(x!, axis, starts[index]!, starts[index]! + piece))
        return Object.fromEntries([
          ["joined", concat(parts, axis)] as const,
          ...parts.map((part, index) => [`part ${index}`, part] as const),
          ...cut.map((part, index) => [`cut ${index}`, part] as const)
        ])
      })
      expect(found["joined"]).toEqual({ dims: whole, values: Array.from(x.value.data, Number) })
      pieces.forEach((piece, index) => {
        expect(found[`part ${index}`]?.dims).toEqual(whole.with(at, piece))
        expect(found[`cut ${index}`]).toEqual(found[`part ${index}`])
      })
      yield* checkGradient([x], ([x]) => {
        const parts: ReadonlyArray<Tensor> = split(x!, axis, pieces)
        return concat(parts.map((part, index) => mul(part, index + 1)), axis)
      })
    }), { arbitrary: { runs: 16 } })

  it.effect("stack adds an axis", () =>
    Effect.gen(function*() {
      expect(yield* apply([counting], ([x]) => stack([x!, mul(x!, 10)], 1))).toEqual({
        dims: [5, 2],
        values: [0, 0, 1, 10, 2, 20, 3, 30, 4, 40]
      })
      yield* checkGradient([x], ([x]) => stack([x!, x!], -1))
    }))

  it.effect("split cuts into pieces; a piece that is not used has no gradient", () =>
    Effect.gen(function*() {
      const { a, b } = yield* evaluate([counting], ([x]) => {
        const [a, b] = split(x!, 0, [2, "length-2"])
        return { a: a!, b: b! }
      })
      expect([a.values, b.values]).toEqual([[0, 1], [2, 3, 4]])
      yield* checkGradient([x], ([x]) => split(x!, 1, [2, "length-2"])[1]!)
      yield* checkGradient([given(varied([2, 5]))], ([x]) => concat(split(x!, -1, [1, 3, 1]).toReversed(), 1))
    }))

  it.effect("slice counts from the front or the back, and shapes follow", () =>
    Effect.gen(function*() {
      expect((yield* apply([counting], ([x]) => slice(x!, 0, 1, 3))).values).toEqual([1, 2])
      expect((yield* apply([counting], ([x]) => slice(x!, 0, -2))).values).toEqual([3, 4])
      const product = yield* apply([counting], ([x]) => mul(slice(x!, 0, 1), slice(x!, 0, 0, -1)))
      expect(product.values).toEqual([0, 2, 6, 12])
      yield* checkGradient([x], ([x]) => mul(slice(x!, 1, 1), slice(x!, 1, 0, -1)))
      yield* checkGradient([given(varied([4, 3]))], ([x]) => slice(x!, 0, 1, 3))
    }))

  it.effect("sliceAt reads from a position known only at run time", () =>
    Effect.gen(function*() {
      const at = given(int64([], [3]))
      expect((yield* apply([counting, at], ([x, at]) => sliceAt(x!, 0, at!, 2))).values).toEqual([3, 4])
      yield* checkGradient([x, at], ([x, at]) => sliceAt(x!, 1, at!, 2))
    }))

  it.effect("pad adds positions before and after", () =>
    Effect.gen(function*() {
      expect((yield* apply([counting], ([x]) => pad(x!, 0, 1, 2, 9))).values).toEqual([9, 0, 1, 2, 3, 4, 9, 9])
      expect((yield* apply([x], ([x]) => pad(x!, 1, "batch", 0))).dims).toEqual([2, 7])
      yield* checkGradient([x], ([x]) => pad(x!, 1, "batch", 1))
    }))

  it("refuses pieces that do not fit", () => {
    const program = graph("refused")
    const x = input(program, "x", "float32", ["batch", 4])
    const y = input(program, "y", "float32", ["other", 4])
    expect(() => concat([x, y], 1)).toThrow(
      "concat: differ in an axis other than 1 (x: float32[batch, 4]; y: float32[other, 4])"
    )
    expect(() => split(x, 1, [1, 2])).toThrow("pieces [1, 2] do not add up to axis 1")
    expect(() => slice(x, 1, 3, 5)).toThrow("slice: 3 to 5 is not within axis 1")
  })
})
