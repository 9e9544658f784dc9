import { expect, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { graph, input } from "../../../../runtime/onnx/Graph.ts"
import * as Index from "../../../../runtime/onnx/ops/Index.ts"
import { sumByIndex } from "../../../../runtime/onnx/ops/SumByIndex.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { int64, tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "../checkGradient.ts"
import { apply, evaluate, given, varied } from "../evaluate.ts"

const table = given(varied([4, 3]))
const row = (index: number) => Array.from(table.value.data, Number).slice(index * 3, index * 3 + 3)

layer(Sessions.layer)("indexing", (it) => {
  it.effect("gather looks up slices; repeated indices add up in the gradient", () =>
    Effect.gen(function*() {
      const ids = given(int64([2, 3], [0, 3, 3, 1, 0, -1]), ["batch", "length"])
      const y = yield* apply([table, ids], ([x, ids]) => Index.gather(x!, ids!))
      expect(y).toEqual({ dims: [2, 3, 3], values: [0, 3, 3, 1, 0, 3].flatMap(row) })
      yield* checkGradient([table, ids], ([x, ids]) => Index.gather(x!, ids!))
    }))

  it.effect("sums by index what several threads add to a few rows", () =>
    Effect.gen(function*() {
      const [count, width, size] = [20_000, 16, 3]
      const ids = Array.from({ length: count }, (_, i) => (i * i) % size)
      const rows = given(varied([count, width]), ["n", width])
      const y = yield* apply([rows, given(int64([count], ids), ["n"])], ([x, ids]) => sumByIndex(x!, ids!, size), {
        threads: 4
      })
      const expected = new Float64Array(size * width)
      rows.value.data.forEach((value, i) => expected[ids[Math.floor(i / width)]! * width + i % width]! += Number(value))
      y.values.forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 8))
      expect(y.dims).toEqual([size, width])
    }))

  it.effect("sums by index nothing to zeros, and its gradient is a lookup", () =>
    Effect.gen(function*() {
      const none = given(tensorData("float64", [0, 2], []), ["n", 2])
      const y = yield* apply([none, given(int64([0], []), ["n"])], ([x, ids]) => sumByIndex(x!, ids!, 3))
      expect(y).toEqual({ dims: [3, 2], values: Array(6).fill(0) })
      const ids = given(int64([4], [2, 0, 2, 1]), ["n"])
      yield* checkGradient([given(varied([4]), ["n"]), ids], ([x, ids]) => sumByIndex(x!, ids!, 4))
      yield* checkGradient([given(varied([4, 2, 3]), ["n", 2, 3]), ids], ([x, ids]) => sumByIndex(x!, ids!, 3))
    }))

  it.effect("gather along an inner axis", () =>
    Effect.gen(function*() {
      const x = given(varied([2, 4, 3]), ["batch", 4, 3])
      const ids = given(int64([2], [3, 1]))
      const y = yield* apply([x, ids], ([x, ids]) => Index.gather(x!, ids!, 1))
      expect(y.dims).toEqual([2, 2, 3])
      expect(y.values.slice(0, 3)).toEqual(Array.from(x.value.data, Number).slice(9, 12))
      yield* checkGradient([x, ids], ([x, ids]) => Index.gather(x!, ids!, 1))
      yield* checkGradient([x, given(int64([], [2]))], ([x, id]) => Index.gather(x!, id!, -1))
    }))

  const size = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 }))
  it.effect.prop("gather replaces any axis by the shape of the indices", {
    dims: Schema.Tuple([size, size, size]),
    axis: Schema.Literals([0, 1, 2, -1, -2, -3]),
    shape: Schema.Array(size).check(Schema.isMaxLength(2)),
    seed: size,
    symbolic: Schema.Boolean
  }, ({ axis, dims, seed, shape, symbolic }) =>
    Effect.gen(function*() {
      const at = axis < 0 ? axis + 3 : axis
      const length = dims[at]!
      const x = given(varied(dims), symbolic ? ["a", "b", "c"] : dims)
      const count = shape.reduce((a, b) => a * b, 1)
      // Whole numbers from -length to length - 1.
      const chosen = Array.from({ length: count }, (_, i) => (i * 7 + seed * 3) % (2 * length) - length)
      const ids = given(int64(shape, chosen), symbolic ? shape.map((_, i) => `i${i}`) : shape)
      const y = yield* apply([x, ids], ([x, ids]) => Index.gather(x!, ids!, axis))
      expect(y.dims).toEqual([...dims.slice(0, at), ...shape, ...dims.slice(at + 1)])
      const inner = dims.slice(at + 1).reduce((a, b) => a * b, 1)
      y.values.forEach((value, index) => {
        const [before, position, after] = [
          Math.floor(index / (count * inner)),
          Math.floor(index / inner) % count,
          index % inner
        ]
        const from = (chosen[position]! + length) % length
        expect(value).toBe(Number(x.value.data[(before * length + from) * inner + after]))
      })
      yield* checkGradient([x, ids], ([x, ids]) => Index.gather(x!, ids!, axis))
    }), { arbitrary: { runs: 16 } })

  it.effect("gatherElements picks one value per index", () =>
    Effect.gen(function*() {
      const ids = given(int64([4, 2], [0, 2, 1, 1, 2, 0, 0, 0]))
      const y = yield* apply([table, ids], ([x, ids]) => Index.gatherElements(x!, ids!))
      expect(y.values).toEqual([row(0)[0], row(0)[2], row(1)[1], row(1)[1], row(2)[2], row(2)[0], row(3)[0], row(3)[0]])
      yield* checkGradient([table, ids], ([x, ids]) => Index.gatherElements(x!, ids!))
    }))

  it.effect("scatterElements replaces or adds", () =>
    Effect.gen(function*() {
      const x = given(tensorData("float64", [2, 3], [1, 2, 3, 4, 5, 6]))
      const ids = given(int64([2, 1], [2, 0]))
      const updates = given(tensorData("float64", [2, 1], [10, 20]))
      expect((yield* apply([x, ids, updates], ([x, i, u]) => Index.scatterElements(x!, i!, u!))).values).toEqual([
        1,
        2,
        10,
        20,
        5,
        6
      ])
      const twice = given(int64([2, 2], [1, 1, 0, 1]))
      const pairs = given(varied([2, 2]))
      yield* checkGradient([x, ids, updates], ([x, i, u]) => Index.scatterElements(x!, i!, u!))
      yield* checkGradient([x, twice, pairs], ([x, i, u]) => Index.scatterElements(x!, i!, u!, { reduction: "add" }))
    }))

  it.effect("gatherND and scatterND address slices by index tuples", () =>
    Effect.gen(function*() {
      const x = given(tensorData("float64", [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]))
      const ids = given(int64([2, 2], [0, 1, 1, 0]))
      const updates = given(varied([2, 2]))
      expect((yield* apply([x, ids], ([x, i]) => Index.gatherND(x!, i!))).values).toEqual([3, 4, 5, 6])
      yield* checkGradient([x, ids], ([x, i]) => Index.gatherND(x!, i!))
      yield* checkGradient([x, ids, updates], ([x, i, u]) => Index.scatterND(x!, i!, u!))
      const repeated = given(int64([3, 1], [1, -1, 0]))
      yield* checkGradient([x, repeated], ([x, i]) => Index.gatherND(x!, i!))
    }))

  it.effect("oneHot, argMax and topK", () =>
    Effect.gen(function*() {
      const ids = given(int64([2], [2, 0]))
      expect(yield* apply([ids], ([i]) => Index.oneHot(i!, 3, "float32"))).toEqual({
        dims: [2, 3],
        values: [0, 0, 1, 1, 0, 0]
      })
      const x = given(tensorData("float64", [2, 3], [1, 3, 3, 5, 4, 6]), ["batch", 3])
      expect((yield* apply([x], ([x]) => Index.argMax(x!))).values).toEqual([1, 2])
      expect((yield* apply([x], ([x]) => Index.argMax(x!, 1, true))).dims).toEqual([2, 1])
      const { indices, values } = yield* evaluate([x], ([x]) => ({ ...Index.topK(x!, 2) }))
      expect([values.values, indices.values]).toEqual([[3, 3, 6, 5], [1, 2, 2, 0]])
      yield* checkGradient([given(varied([2, 4]))], ([x]) => Index.topK(x!, 2).values)
    }))

  it("refuses indices that are not integers or do not lie along the data", () => {
    const program = graph("refused")
    const x = input(program, "x", "float32", [4, 3])
    const ids = input(program, "ids", "int64", [5, 3])
    expect(() => Index.gather(x, x)).toThrow("gather: indices must be int64 or int32")
    expect(() => Index.gatherElements(x, ids)).toThrow("indices must have the shape of the data in all axes but 1")
    expect(() => Index.topK(x, 4)).toThrow("axis 1 has fewer than 4 positions")
    const pairs = input(program, "pairs", "int64", [5, 2])
    expect(() => Index.scatterND(x, pairs, x)).toThrow(
      "scatterND: updates must be [5] (x: float32[4, 3]; pairs: int64[5, 2]"
    )
  })
})
