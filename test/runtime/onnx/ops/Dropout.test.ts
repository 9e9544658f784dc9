import { expect, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { graph, input, type Tensor } from "../../../../runtime/onnx/Graph.ts"
import { dropout } from "../../../../runtime/onnx/ops/Dropout.ts"
import { full } from "../../../../runtime/onnx/ops/Fill.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "../checkGradient.ts"
import { apply, given, varied } from "../evaluate.ts"

const keyOf = (key: number) => given(tensorData("int32", [], [key]))

/** 1 where a value stayed, 0 where it was hidden, of ones [rows, columns]. */
const maskOf = (key: number, rows: number, columns: number, rate = 0.5, place = "a", session = {}) =>
  apply(
    [keyOf(key)],
    ([key]) => dropout(full(key!.graph, "float32", [rows, columns], 1), { rate, key: key!, place }),
    session
  ).pipe(Effect.map(({ values }) => values.map((value) => value === 0 ? 0 : 1)))

const mean = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0) / values.length

/** The mean over all places of the product of +1 and -1 for kept and hidden at these offsets: 0 where independent. */
const correlation = (
  mask: ReadonlyArray<number>,
  columns: number,
  offsets: ReadonlyArray<readonly [number, number]>
) => {
  const rows = mask.length / columns
  const [down, right] = [Math.max(...offsets.map(([row]) => row)), Math.max(...offsets.map(([, column]) => column))]
  const products = Array.from(
    { length: rows - down },
    (_, row) =>
      Array.from(
        { length: columns - right },
        (_, column) =>
          offsets.reduce((product, [i, j]) => product * (2 * mask[(row + i) * columns + column + j]! - 1), 1)
      )
  ).flat()
  return mean(products)
}

const keys = Schema.Int.check(Schema.isBetween({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1 }))
const [rows, columns] = [200, 300]
// Six standard deviations of a mean of that many signs.
const bound = 6 / Math.sqrt(rows * columns)

layer(Sessions.layer)("dropout", (it) => {
  it.effect.prop("hides its share of the values", { key: keys, rate: Schema.Literals([0.05, 0.1, 0.5, 0.9]) }, (
    { key, rate }
  ) =>
    Effect.gen(function*() {
      const mask = yield* maskOf(key, rows, columns, rate)
      const deviation = Math.sqrt(rate * (1 - rate))
      expect(Math.abs(mean(mask) - (1 - rate))).toBeLessThan(bound * deviation)
      // In every row and column too.
      for (let row = 0; row < rows; row++) {
        const share = mean(mask.slice(row * columns, (row + 1) * columns))
        expect(Math.abs(share - (1 - rate))).toBeLessThan(7 * deviation / Math.sqrt(columns))
      }
      for (let column = 0; column < columns; column++) {
        const share = mean(mask.filter((_, index) => index % columns === column))
        expect(Math.abs(share - (1 - rate))).toBeLessThan(7 * deviation / Math.sqrt(rows))
      }
    }), { arbitrary: { runs: 6 } })

  it.effect.prop(
    "hides neighbours, corners of rectangles, and runs in a row independently",
    { key: keys },
    ({ key }) =>
      Effect.gen(function*() {
        const mask = yield* maskOf(key, rows, columns)
        for (const [i, j] of [[0, 1], [1, 0], [1, 1], [0, 2], [2, 0], [0, 64], [64, 0]] as const) {
          expect(Math.abs(correlation(mask, columns, [[0, 0], [i, j]]))).toBeLessThan(bound * 1.5)
          expect(Math.abs(correlation(mask, columns, [[0, 0], [0, j + 1], [i + 1, 0], [i + 1, j + 1]]))).toBeLessThan(
            bound * 1.5
          )
        }
        expect(Math.abs(correlation(mask, columns, [[0, 0], [0, 1], [0, 2]]))).toBeLessThan(bound * 1.5)
        expect(Math.abs(correlation(mask, columns, [[0, 0], [1, 0], [2, 0]]))).toBeLessThan(bound * 1.5)
      }),
    { arbitrary: { runs: 4 } }
  )

  it.effect.prop(
    "differs from key to key and from place to place, and is otherwise the same",
    { key: keys },
    ({ key }) =>
      Effect.gen(function*() {
        const mask = yield* maskOf(key, rows, columns)
        const others = yield* Effect.all([
          maskOf(key + 1 | 0, rows, columns),
          maskOf(-key | 1, rows, columns),
          maskOf(key, rows, columns, 0.5, "b")
        ])
        for (const other of others) {
          const agreement = mean(mask.map((value, index) => value === other[index] ? 1 : -1))
          expect(Math.abs(agreement)).toBeLessThan(bound)
        }
        expect(yield* maskOf(key, rows, columns, 0.5, "a", { threads: 4, optimisation: "disabled" })).toEqual(mask)
      }),
    { arbitrary: { runs: 4 } }
  )

  it.effect("scales what stays, keeps the shape, and its gradient is hidden alike", () =>
    Effect.gen(function*() {
      const x = given(varied([2, 3, 8], 1, 2), ["batch", "length", 8])
      const hide = ([x, key]: ReadonlyArray<Tensor>) => dropout(x!, { rate: 0.25, key: key!, place: "a" })
      const y = yield* apply([x, keyOf(7)], hide)
      expect(y.dims).toEqual([2, 3, 8])
      y.values.forEach((value, index) => {
        if (value !== 0) expect(value).toBeCloseTo(Number(x.value.data[index]) / 0.75, 10)
      })
      expect(y.values.filter((value) => value === 0).length).toBeGreaterThan(4)
      yield* checkGradient([x, keyOf(7)], hide)
      yield* checkGradient([given(varied([9], 1, 2), ["n"]), keyOf(8)], hide)
    }))

  it("leaves x alone at a rate of 0, and refuses rates and keys it cannot use", () => {
    const program = graph("refused")
    const x = input(program, "x", "float32", [3])
    const key = input(program, "key", "int32", [])
    expect(dropout(x, { rate: 0, key, place: "" })).toBe(x)
    expect(() => dropout(x, { rate: 1, key, place: "" })).toThrow("dropout: a rate of 1 is not from 0 to below 1")
    expect(() => dropout(x, { rate: NaN, key, place: "" })).toThrow("a rate of NaN")
    expect(() => dropout(x, { rate: 0.5, key: x, place: "" })).toThrow("the key must be int32[]")
  })
})
