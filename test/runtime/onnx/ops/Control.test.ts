import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { gradients } from "../../../../runtime/onnx/Gradient.ts"
import { graph, input, parameter, type Tensor } from "../../../../runtime/onnx/Graph.ts"
import { add, mul, sub } from "../../../../runtime/onnx/ops/Arithmetic.ts"
import { ifElse, loop } from "../../../../runtime/onnx/ops/Control.ts"
import { full, range } from "../../../../runtime/onnx/ops/Fill.ts"
import { gather } from "../../../../runtime/onnx/ops/Index.ts"
import { concat } from "../../../../runtime/onnx/ops/Join.ts"
import { reshape } from "../../../../runtime/onnx/ops/Layout.ts"
import { cast, greater, less } from "../../../../runtime/onnx/ops/Logic.ts"
import { linear } from "../../../../runtime/onnx/ops/MatMul.ts"
import { reduceSum } from "../../../../runtime/onnx/ops/Reduce.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { float32, int64 } from "../../../../runtime/onnx/TensorData.ts"
import { apply, evaluate, given } from "../evaluate.ts"

const x = given(float32([2], [1, 10]), ["n"])

layer(Sessions.layer)("loops", (it) => {
  it.effect("carries state, scans values and reads tensors from outside", () =>
    Effect.gen(function*() {
      const { power, steps } = yield* evaluate([x], ([x]) => {
        const { scan, state } = loop({
          trips: 3,
          state: { power: full(x!.graph, "float32", ["n"], 1) },
          body: (iteration, { power }) => ({
            state: { power: mul(power, x!) },
            scan: { step: add(power, cast(iteration, "float32")) }
          })
        })
        expect(scan.step.shape).toEqual([3, "n"])
        return { power: state.power, steps: scan.step }
      })
      expect(power.values).toEqual([1, 1000])
      expect(steps).toEqual({ dims: [3, 2], values: [1, 1, 2, 11, 3, 102] })
    }))

  it.effect("ends early, or does not start, when told to", () =>
    Effect.gen(function*() {
      const count = (limit: number, start: number) => (x: Tensor) =>
        loop({
          trips: 10,
          proceed: less(reduceSum(x), start),
          state: { sum: full(x.graph, "float32", [], 0) },
          body: (_, { sum }) => {
            const next = add(sum, 1)
            return { state: { sum: next }, proceed: less(next, limit) }
          }
        }).state.sum
      expect((yield* apply([x], ([x]) => count(4, 100)(x!))).values).toEqual([4])
      expect((yield* apply([x], ([x]) => count(4, 0)(x!))).values).toEqual([0])
    }))

  it.effect("lets a declared state grow, as a cache of keys does", () =>
    Effect.gen(function*() {
      const cache = yield* apply([x], ([x]) => {
        const { state } = loop({
          name: "generate",
          trips: 3,
          state: { cache: full(x!.graph, "float32", ["n", 0], 0) },
          shapes: { cache: ["n", "past"] },
          body: (iteration, { cache }) => {
            // Sizes that change with each iteration can be used within it.
            const seen = reduceSum(range(x!.graph, "float32", "past"))
            return {
              state: { cache: concat([cache, reshape(add(mul(x!, cast(iteration, "float32")), seen), ["n", 1])], 1) }
            }
          }
        })
        expect(state.cache.shape).toEqual(["n", "generate.past"])
        return state.cache
      })
      expect(cache).toEqual({ dims: [2, 3], values: [0, 1, 3, 0, 10, 21] })
    }))

  it.effect("takes the number of trips from a tensor or from a dimension", () =>
    Effect.gen(function*() {
      const double = (trips: string | Tensor) => (x: Tensor) =>
        loop({ trips, state: { x }, body: (_, { x }) => ({ state: { x: add(x, x) } }) }).state.x
      const trips = given(int64([], [5]))
      expect((yield* apply([x, trips], ([x, trips]) => double(trips!)(x!))).values).toEqual([32, 320])
      expect((yield* apply([x], ([x]) => double("n")(x!))).values).toEqual([4, 40])
    }))

  it.effect("trains: gradients taken in a body, weights carried as state, a batch read per step", () =>
    Effect.gen(function*() {
      const [w, xs, ys] = [
        given(float32([1, 1], [0])),
        given(float32([4, 2, 1], [1, 2, 3, 4, 1, 2, 3, 4]), ["steps", 2, 1]),
        given(float32([4, 2, 1], [3, 6, 9, 12, 3, 6, 9, 12]), ["steps", 2, 1])
      ]
      const { losses, weight } = yield* evaluate([w, xs, ys], ([w, xs, ys]) => {
        const { scan, state } = loop({
          trips: "steps",
          state: { w: w! },
          body: (step, { w }) => {
            const error = sub(linear(gather(xs!, step), w), gather(ys!, step))
            const loss = reduceSum(mul(error, error))
            const [dw] = gradients(loss, [w])
            return { state: { w: sub(w, mul(dw!, 0.02)) }, scan: { loss } }
          }
        })
        expect(scan.loss.shape).toEqual(["steps"])
        return { losses: scan.loss, weight: state.w }
      })
      // The same four steps of gradient descent on sum((w x - 3 x)^2) by hand.
      let expected = 0
      const expectedLosses = [[1, 2], [3, 4], [1, 2], [3, 4]].map((batch) => {
        const loss = batch.reduce((sum, value) => sum + ((expected - 3) * value) ** 2, 0)
        expected -= 0.02 * batch.reduce((sum, value) => sum + 2 * (expected - 3) * value * value, 0)
        return loss
      })
      losses.values.forEach((loss, index) => expect(loss).toBeCloseTo(expectedLosses[index]!, 4))
      expect(weight.values[0]).toBeCloseTo(expected, 5)
    }))

  it.effect("nests, and gradients reach through to tensors outside the body", () =>
    Effect.gen(function*() {
      const y = yield* apply([x], ([x]) =>
        loop({
          name: "outer",
          trips: 2,
          state: { total: full(x!.graph, "float32", ["n"], 0) },
          body: (_, { total }) => {
            const inner = loop({
              name: "inner",
              trips: 2,
              state: { total },
              body: (_, { total }) => {
                const scaled = mul(x!, x!)
                const [dx] = gradients(reduceSum(mul(scaled, total)), [x!])
                return { state: { total: add(add(total, 1), mul(dx!, 0)) } }
              }
            })
            return { state: { total: add(inner.state.total, x!) } }
          }
        }).state.total)
      expect(y.values).toEqual([6, 24])
    }))

  it("computes what does not change outside the body", () => {
    const program = graph("hoisting")
    const w = parameter(program, "w", "float32", [2], float32([2], [1, 2]))
    const state = input(program, "state", "float32", [2])
    loop({ trips: 3, state: { state }, body: (_, { state }) => ({ state: { state: mul(state, mul(w, w)) } }) })
    expect(program.nodes.map((node) => node.op)).toEqual(["Mul", "Loop"])
  })

  it("refuses states that change shape, and tensors used after their body", () => {
    const program = graph("refused")
    const x = input(program, "x", "float32", ["n", 2])
    expect(() =>
      loop({ name: "grow", trips: 2, state: { x }, body: (_, { x }) => ({ state: { x: concat([x, x], 0) } }) })
    )
      .toThrow("grow: a state changes shape in an iteration; declare the dimension in `shapes`")
    expect(() =>
      loop({ name: "odd", trips: 2, state: { x }, shapes: { x: ["n", 3] }, body: (_, state) => ({ state }) })
    )
      .toThrow("odd: state x cannot be declared [n, 3]: only dimensions with new symbols may change (x: float32[n, 2])")
    let escaped: Tensor | undefined
    loop({ name: "leak", trips: 2, state: { x }, body: (_, state) => ({ state: { x: escaped = add(state.x, 1) } }) })
    expect(() => add(escaped!, 1)).toThrow("lives in leak, which is not open here")
    const result = loop({ trips: 2, state: { x }, body: (_, state) => ({ state }) })
    expect(() => gradients(reduceSum(result.state.x), [x])).toThrow(
      "Loop in gradient: has no gradient; use stopGradient around it, or differentiate inside its body"
    )
  })
})

layer(Sessions.layer)("branches", (it) => {
  it.effect("run one side, and agree on shapes", () =>
    Effect.gen(function*() {
      const choose = (x: Tensor) => {
        const [y, z] = ifElse(
          greater(reduceSum(x), 5),
          () => [mul(x, 2), concat([x, x], 0)],
          () => [x, x]
        )
        expect(y?.shape).toEqual(["n"])
        expect(z?.shape).toEqual(["then.size"])
        return { y: y!, z: z! }
      }
      const large = yield* evaluate([x], ([x]) => choose(x!))
      expect([large.y.values, large.z.values]).toEqual([[2, 20], [1, 10, 1, 10]])
      const small = yield* evaluate([given(float32([2], [1, 2]), ["n"])], ([x]) => choose(x!))
      expect([small.y.values, small.z.values]).toEqual([[1, 2], [1, 2]])
    }))

  it("keep their nodes to themselves", () => {
    const program = graph("lazy")
    const x = input(program, "x", "float32", [])
    ifElse(greater(x, 0), () => [mul(x, x)], () => [x])
    expect(program.nodes.map((node) => node.op)).toEqual(["Greater", "If"])
  })

  it("refuse results of two types", () => {
    const x = input(graph("refused"), "x", "float32", [])
    expect(() => ifElse(greater(x, 0), () => [x], () => [cast(x, "int64")])).toThrow("ifElse: operands differ in type")
    expect(() => ifElse(greater(x, 0), () => [x], () => [])).toThrow("the branches give different numbers of tensors")
  })
})
