import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { logSoftmax, softmax } from "../../../../runtime/onnx/ops/Softmax.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "../checkGradient.ts"
import { apply, given, varied } from "../evaluate.ts"

layer(Sessions.layer)("softmax", (it) => {
  it.effect.each([0, 1, -1])("normalises along axis %s", (axis) =>
    Effect.gen(function*() {
      const x = given(varied([3, 4]))
      const at = (row: number, column: number) => Number(x.value.data[row * 4 + column])
      const y = yield* apply([x], ([x]) => softmax(x!, axis))
      const logs = yield* apply([x], ([x]) => logSoftmax(x!, axis))
      for (const row of [0, 1, 2]) {
        for (const column of [0, 1, 2, 3]) {
          const others = axis === 0 ? [0, 1, 2].map((r) => at(r, column)) : [0, 1, 2, 3].map((c) => at(row, c))
          const expected = Math.exp(at(row, column)) / others.map(Math.exp).reduce((a, b) => a + b)
          expect(y.values[row * 4 + column]).toBeCloseTo(expected, 10)
          expect(logs.values[row * 4 + column]).toBeCloseTo(Math.log(expected), 10)
        }
      }
      yield* checkGradient([x], ([x]) => softmax(x!, axis))
      yield* checkGradient([x], ([x]) => logSoftmax(x!, axis))
    }))

  it.effect("stays finite for large logits", () =>
    Effect.gen(function*() {
      const x = given(tensorData("float32", [1, 3], [1e4, 0, -1e4]))
      expect((yield* apply([x], ([x]) => softmax(x!))).values).toEqual([1, 0, 0])
      expect((yield* apply([x], ([x]) => logSoftmax(x!))).values).toEqual([0, -1e4, -2e4])
    }))
})
