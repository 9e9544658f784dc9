import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { graph, input } from "../../../../runtime/onnx/Graph.ts"
import {
  expand,
  flatten,
  reshape,
  squeeze,
  swapAxes,
  transpose,
  unsqueeze
} from "../../../../runtime/onnx/ops/Layout.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "../checkGradient.ts"
import { apply, given, varied } from "../evaluate.ts"

const x = given(varied([2, 3, 4]), ["batch", "length", 4])
const counting = given(tensorData("float64", [2, 3], [1, 2, 3, 4, 5, 6]))

layer(Sessions.layer)("layout", (it) => {
  it.effect("reshape keeps the order of values, infers -1, and takes the program's symbols", () =>
    Effect.gen(function*() {
      const values = Array.from(x.value.data, Number)
      expect(yield* apply([x], ([x]) => reshape(x!, ["batch", "length", 2, -1]))).toEqual({
        dims: [2, 3, 2, 2],
        values
      })
      expect(yield* apply([x], ([x]) => reshape(x!, [-1, 4]))).toEqual({ dims: [6, 4], values })
      expect(yield* apply([x], ([x]) => reshape(x!, [4, "batch*length"]))).toEqual({ dims: [4, 6], values })
      expect(yield* apply([x], ([x]) => flatten(x!, 1))).toEqual({ dims: [2, 12], values })
      yield* checkGradient([x], ([x]) => transpose(reshape(x!, ["batch", "length", 2, 2]), [2, 0, 3, 1]))
    }))

  it.effect("reshape works on empty tensors", () =>
    Effect.gen(function*() {
      const empty = given(tensorData("float64", [2, 0, 4], []), ["batch", "past", 4])
      expect((yield* apply([empty], ([x]) => reshape(x!, ["batch", "past", 2, 2]))).dims).toEqual([2, 0, 2, 2])
      expect((yield* apply([empty], ([x]) => reshape(x!, [4, "batch", "past"]))).dims).toEqual([4, 2, 0])
      expect((yield* apply([empty], ([x]) => reshape(x!, [-1, 4]))).dims).toEqual([0, 4])
    }))

  it.effect("transpose reorders axes and swapAxes exchanges two", () =>
    Effect.gen(function*() {
      expect(yield* apply([counting], ([x]) => transpose(x!))).toEqual({ dims: [3, 2], values: [1, 4, 2, 5, 3, 6] })
      const moved = yield* apply([x], ([x]) => transpose(x!, [2, 0, 1]))
      expect(moved.dims).toEqual([4, 2, 3])
      expect(moved.values[1 * 6 + 1 * 3 + 2]).toBe(Number(x.value.data[1 * 12 + 2 * 4 + 1]))
      expect((yield* apply([x], ([x]) => swapAxes(x!, -1, 0))).dims).toEqual([4, 3, 2])
      yield* checkGradient([x], ([x]) => transpose(x!, [2, 0, 1]))
    }))

  it.effect("squeeze and unsqueeze remove and add axes of 1", () =>
    Effect.gen(function*() {
      expect((yield* apply([counting], ([x]) => unsqueeze(x!, [0, -1]))).dims).toEqual([1, 2, 3, 1])
      expect((yield* apply([counting], ([x]) => squeeze(unsqueeze(x!, [1, 3]), [-1]))).dims).toEqual([2, 1, 3])
      yield* checkGradient([x], ([x]) => squeeze(unsqueeze(x!, [1, 3]), [1]))
    }))

  it.effect("expand repeats axes of 1 and adds axes in front", () =>
    Effect.gen(function*() {
      const row = given(tensorData("float64", [1, 2], [5, 6]))
      expect(yield* apply([row], ([x]) => expand(x!, [2, 3, 2]))).toEqual({
        dims: [2, 3, 2],
        values: [5, 6, 5, 6, 5, 6, 5, 6, 5, 6, 5, 6]
      })
      const y = given(varied([2, 1, 4]), ["batch", 1, 4])
      const expanded = yield* apply([y, x], ([y]) => expand(y!, [2, "batch", "length", 4]))
      expect(expanded.dims).toEqual([2, 2, 3, 4])
      yield* checkGradient([y, x], ([y]) => expand(y!, [2, "batch", "length", 4]))
    }))

  it("refuses shapes that do not hold the values, naming them", () => {
    const x = input(graph("refused"), "x", "float32", ["batch", "length", 6])
    expect(() => reshape(x, ["batch", 5, -1])).toThrow(
      "reshape: cannot tell what -1 stands for in [batch, 5, -1] (x: float32[batch, length, 6])"
    )
    expect(() => reshape(x, ["batch", "length", 5])).toThrow("6*batch*length values do not fill [batch, length, 5]")
    expect(() => transpose(x, [0, 1, 1])).toThrow("[0,1,1] is not an order of its axes")
    expect(() => squeeze(x, [0])).toThrow("axes [0] do not all have 1 position")
    expect(() => unsqueeze(x, [5])).toThrow("[5] are not places in a result of 4 axes")
    expect(() => expand(x, ["batch", "length", 7])).toThrow("cannot become [batch, length, 7]")
  })
})
