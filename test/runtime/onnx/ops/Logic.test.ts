import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { graph, input, type Tensor } from "../../../../runtime/onnx/Graph.ts"
import type { Operand } from "../../../../runtime/onnx/ops/Arithmetic.ts"
import * as Logic from "../../../../runtime/onnx/ops/Logic.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "../checkGradient.ts"
import { apply, given, varied } from "../evaluate.ts"

const a = given(tensorData("float64", [3], [1, 2, 3]))
const b = given(tensorData("float64", [3], [2, 2, 2]))
const yes = given(tensorData("bool", [4], [0, 0, 1, 1]))
const no = given(tensorData("bool", [4], [0, 1, 0, 1]))

layer(Sessions.layer)("comparison, choice and conversion", (it) => {
  it.effect.each<[string, (a: Operand, b: Operand) => Tensor, ReadonlyArray<number>]>([
    ["equal", Logic.equal, [0, 1, 0]],
    ["less", Logic.less, [1, 0, 0]],
    ["lessOrEqual", Logic.lessOrEqual, [1, 1, 0]],
    ["greater", Logic.greater, [0, 0, 1]],
    ["greaterOrEqual", Logic.greaterOrEqual, [0, 1, 1]]
  ])("%s compares elementwise", ([, op, expected]) =>
    Effect.gen(function*() {
      expect((yield* apply([a, b], ([a, b]) => op(a!, b!))).values).toEqual(expected)
      expect((yield* apply([a], ([a]) => op(a!, 2))).values).toEqual(expected)
    }))

  it.effect("and, or and not follow their truth tables", () =>
    Effect.gen(function*() {
      expect((yield* apply([yes, no], ([a, b]) => Logic.and(a!, b!))).values).toEqual([0, 0, 0, 1])
      expect((yield* apply([yes, no], ([a, b]) => Logic.or(a!, b!))).values).toEqual([0, 1, 1, 1])
      expect((yield* apply([yes], ([a]) => Logic.not(a!))).values).toEqual([1, 1, 0, 0])
    }))

  it.effect("where chooses, broadcasts all three, and sends gradients to the chosen side", () =>
    Effect.gen(function*() {
      const condition = given(tensorData("bool", [2, 1], [1, 0]))
      const x = given(varied([3], 0, 1, 1))
      const y = given(varied([4, 1, 1], 2, 3, 2))
      const z = yield* apply([condition, x, y], ([c, x, y]) => Logic.where(c!, x!, y!))
      expect(z.dims).toEqual([4, 2, 3])
      expect(z.values.slice(0, 6)).toEqual([...x.value.data, ...Array(3).fill(y.value.data[0])])
      yield* checkGradient([condition, x, y], ([c, x, y]) => Logic.where(c!, x!, y!))
      yield* checkGradient([condition, given(varied([2, 3]))], ([c, x]) => Logic.where(c!, -1, x!))
    }))

  it.effect("cast truncates to integers, and passes gradients between floating types", () =>
    Effect.gen(function*() {
      const x = given(tensorData("float64", [3], [1.7, -1.7, 0]))
      expect((yield* apply([x], ([x]) => Logic.cast(x!, "int64"))).values).toEqual([1, -1, 0])
      expect((yield* apply([x], ([x]) => Logic.cast(x!, "bool"))).values).toEqual([1, 1, 0])
      yield* checkGradient([x], ([x]) => Logic.cast(Logic.cast(x!, "float32"), "float64"), {
        step: 1e-2,
        tolerance: 1e-3
      })
    }))

  it("refuses numbers where it takes bool, and a choice of two numbers", () => {
    const program = graph("refused")
    const x = input(program, "x", "float32", [2])
    expect(() => Logic.and(x, x)).toThrow("and: takes bool operands")
    expect(() => Logic.where(x, x, x)).toThrow("where: the condition must be bool")
    expect(() => Logic.where(Logic.less(x, 0), 1, 2)).toThrow("one choice must be a tensor")
  })
})
