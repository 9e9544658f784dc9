import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { range } from "../../../../runtime/onnx/ops/Fill.ts"
import { cumSum, triangle } from "../../../../runtime/onnx/ops/Scan.ts"
import { assume, extent, shapeOf } from "../../../../runtime/onnx/ops/Shape.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "../checkGradient.ts"
import { apply, given, varied } from "../evaluate.ts"

const x = given(tensorData("float64", [2, 3], [1, 2, 3, 4, 5, 6]), ["batch", "length"])

layer(Sessions.layer)("running sums, triangles and sizes", (it) => {
  it.effect.each(
    [
      [{}, [1, 3, 6, 4, 9, 15]],
      [{ reverse: true }, [6, 5, 3, 15, 11, 6]],
      [{ exclusive: true }, [0, 1, 3, 0, 4, 9]],
      [{ exclusive: true, reverse: true }, [5, 3, 0, 11, 6, 0]]
    ] as const
  )("cumSum with %j", ([options, expected]) =>
    Effect.gen(function*() {
      expect((yield* apply([x], ([x]) => cumSum(x!, -1, options))).values).toEqual(expected)
      yield* checkGradient([x], ([x]) => cumSum(x!, -1, options))
    }))

  it.effect("triangle keeps one side of a diagonal", () =>
    Effect.gen(function*() {
      const square = given(tensorData("float64", [3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]))
      expect((yield* apply([square], ([x]) => triangle(x!, "lower"))).values).toEqual([1, 0, 0, 4, 5, 0, 7, 8, 9])
      expect((yield* apply([square], ([x]) => triangle(x!, "upper", 1))).values).toEqual([0, 2, 3, 0, 0, 6, 0, 0, 0])
      yield* checkGradient([given(varied([2, 3, 3]))], ([x]) => triangle(x!, "upper", 1))
    }))

  it.effect("reads sizes at run time, also those computed from symbols", () =>
    Effect.gen(function*() {
      expect((yield* apply([x], ([x]) => shapeOf(x!))).values).toEqual([2, 3])
      expect((yield* apply([x], ([x]) => extent(x!.graph, "2*batch*length-1"))).values).toEqual([11])
      expect((yield* apply([x], ([x]) => range(x!.graph, "int64", "length+2"))).values).toEqual([0, 1, 2, 3, 4])
      expect((yield* apply([x], ([x]) => range(x!.graph, "float32", 3))).values).toEqual([0, 1, 2])
      const descending = { descending: true }
      expect((yield* apply([x], ([x]) => range(x!.graph, "float32", "length", descending))).values).toEqual([2, 1, 0])
      expect((yield* apply([x], ([x]) => range(x!.graph, "int64", 3, descending))).values).toEqual([2, 1, 0])
    }))

  it.effect("assume gives symbols meaning, and is refused where it cannot hold", () =>
    Effect.gen(function*() {
      yield* checkGradient([x], ([x]) => assume(x!, ["batch", "columns"]))
      const wrong = apply([given(varied([2, 3]))], ([x]) => assume(x!, [2, 4]))
      expect(String(yield* Effect.flip(Effect.sandbox(wrong)))).toContain("assume: cannot be [2,4]")
    }))
})
