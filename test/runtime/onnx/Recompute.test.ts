import { NodeFileSystem } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { gradients } from "../../../runtime/onnx/Gradient.ts"
import { type Graph, graph, input, type Node, output, parameter, type Tensor } from "../../../runtime/onnx/Graph.ts"
import { serialise } from "../../../runtime/onnx/Model.ts"
import { add, exp, mul, sin, tanh } from "../../../runtime/onnx/ops/Arithmetic.ts"
import { loop } from "../../../runtime/onnx/ops/Control.ts"
import { concat, split } from "../../../runtime/onnx/ops/Join.ts"
import { linear } from "../../../runtime/onnx/ops/MatMul.ts"
import { reduceSum } from "../../../runtime/onnx/ops/Reduce.ts"
import { softmax } from "../../../runtime/onnx/ops/Softmax.ts"
import type { GraphProto } from "../../../runtime/onnx/proto/onnx_pb.ts"
import { recompute } from "../../../runtime/onnx/Recompute.ts"
import { scope } from "../../../runtime/onnx/Scope.ts"
import { Sessions } from "../../../runtime/onnx/Sessions.ts"
import { tensorData } from "../../../runtime/onnx/TensorData.ts"
import { checkGradient } from "./checkGradient.ts"
import { evaluate, type Evaluated, given, varied } from "./evaluate.ts"
import { peakBytes } from "./liveBytes.ts"
import { optimised } from "./optimised.ts"

const plain = (inputs: readonly [Tensor], build: (inputs: readonly [Tensor]) => Tensor): Tensor => build(inputs)

/** Layers that read a weight of their own, one that all share, one that is frozen, and the first layer's input. */
const chain = (
  apply: typeof plain,
  { frozen, shared, weights, x }: Record<"x" | "shared" | "frozen", Tensor> & { weights: ReadonlyArray<Tensor> }
) =>
  weights.reduce((hidden, weight, index) =>
    scope(`layers.${index}`, () =>
      apply([hidden], ([hidden]) => {
        const [gate, up] = split(linear(hidden, concat([weight, shared], 0)), -1, [4, 4])
        const mixed = softmax(mul(tanh(gate), exp(mul(up, 0.3))))
        return add(add(hidden, linear(mixed, mul(frozen, 2))), mul(sin(hidden), x))
      })), x)

const inputs = [
  given(varied([3, 4], -1, 1, 1), ["n", 4]),
  given(varied([4, 4], -1, 1, 2)),
  given(varied([4, 4], -1, 1, 3)),
  given(varied([4, 4], -1, 1, 4)),
  given(varied([4, 4], -1, 1, 5))
]
const named = ([x, shared, frozen, ...weights]: ReadonlyArray<Tensor>) => ({
  x: x!,
  shared: shared!,
  frozen: frozen!,
  weights
})

/** Equal but for the order in which the gradients of a tensor that is used several times are added up. */
const near = (found: Readonly<Record<string, Evaluated>>, expected: Readonly<Record<string, Evaluated>>): void => {
  for (const [name, { dims, values }] of Object.entries(expected)) {
    expect([name, found[name]?.dims]).toEqual([name, dims])
    values.forEach((value, index) => expect(found[name]?.values[index]).toBeCloseTo(value, 12))
  }
}

/** A deep chain as a program with a loss and the gradients of its weights. */
const deep = (apply: typeof plain): Graph => {
  const program = graph("deep")
  const x = input(program, "x", "float32", ["n", 4])
  const weights = Array.from({ length: 12 }, (_, i) => input(program, `w${i}`, "float32", [4, 4]))
  for (const [name, tensor] of Object.entries(deepGradients(apply, x, weights))) output(name, tensor)
  return program
}

const deepGradients = (apply: typeof plain, x: Tensor, weights: ReadonlyArray<Tensor>) => {
  const y = weights.reduce((hidden, weight) =>
    apply([hidden], ([hidden]) => {
      // Eight values that the gradient needs, in each layer.
      const deeper = [1, 2, 3, 4, 5, 6, 7].reduce((value) => exp(mul(tanh(value), 0.1)), linear(hidden, weight))
      return add(hidden, deeper)
    }), x)
  const loss = reduceSum(y)
  return { loss, ...Object.fromEntries(gradients(loss, weights).map((gradient, i) => [`dw${i}`, gradient])) }
}

const countOf = (graph: GraphProto, op: string): number => graph.node.filter(({ opType }) => opType === op).length
const bodiesOf = (graph: GraphProto) => graph.node.flatMap(({ attribute }) => attribute.flatMap(({ g }) => g ?? []))

layer(Layer.mergeAll(Sessions.layer, NodeFileSystem.layer))("recomputation", (it) => {
  it.effect("gives the same values and gradients for inputs and everything read", () =>
    Effect.gen(function*() {
      const [kept, again] = yield* Effect.all([plain, recompute<readonly [Tensor]>].map((apply) =>
        evaluate(inputs, (tensors) => {
          const { frozen, shared, weights, x } = named(tensors)
          const y = chain(apply, { x, shared, frozen, weights })
          const [dx, dShared, first, second] = gradients(reduceSum(mul(y, y)), [x, shared, ...weights])
          return { y, dx: dx!, dShared: dShared!, first: first!, second: second! }
        })
      ))
      near(again!, kept!)
      expect(Math.max(...again!.first.values)).toBeGreaterThan(0.01)
    }))

  it.effect("gives a chain without shared weights the same bits", () =>
    Effect.gen(function*() {
      const values = Array.from({ length: 13 }, (_, seed) => given(varied([seed === 0 ? 3 : 4, 4], -1, 1, seed)))
      const [kept, again] = yield* Effect.all([plain, recompute<readonly [Tensor]>].map((apply) =>
        evaluate(values, ([x, ...weights]) => deepGradients(apply, x!, weights))
      ))
      expect(again).toEqual(kept)
    }))

  it.effect("has the gradients that differences give, also one inside another", () =>
    Effect.gen(function*() {
      yield* checkGradient(inputs, (tensors) => chain(recompute, named(tensors)))
      yield* checkGradient(inputs, (tensors) =>
        recompute(
          [tensors[0]!],
          ([x]) => mul(recompute([x], ([x]) => chain(recompute, { ...named(tensors), x })), x)
        ))
    }))

  it.effect("works in the body of a loop that trains", () =>
    Effect.gen(function*() {
      const [kept, again] = yield* Effect.all([plain, recompute<readonly [Tensor]>].map((apply) =>
        evaluate(inputs, (tensors) => {
          const { frozen, shared, weights, x } = named(tensors)
          const { scan, state } = loop({
            trips: 3,
            state: { a: weights[0]!, b: weights[1]!, shared },
            body: (_, { a, b, shared }) => {
              const loss = reduceSum(chain(apply, { x, shared, frozen, weights: [a, b] }))
              const [da, db, ds] = gradients(loss, [a, b, shared])
              return {
                state: { a: add(a, mul(da, -0.1)), b: add(b, mul(db, -0.1)), shared: add(shared, mul(ds, -0.1)) },
                scan: { loss }
              }
            }
          })
          return { ...state, losses: scan.loss }
        })
      ))
      near(again!, kept!)
      expect(again!.losses.values[2]).toBeLessThan(again!.losses.values[0]!)
    }))

  it("keeps one value of each layer where all would be kept", () => {
    const sizes = { n: 100_000 }
    const [kept, again] = [peakBytes(deep(plain), sizes), peakBytes(deep(recompute), sizes)]
    const value = 100_000 * 4 * 4
    expect(kept).toBeGreaterThan(12 * 8 * value)
    expect(again).toBeLessThan((12 + 30) * value)
  })

  it.effect("is not undone by onnxruntime: the layers stand once outside and once in bodies", () =>
    Effect.gen(function*() {
      const found = yield* optimised(serialise(deep(recompute)))
      expect(countOf(found, "Exp")).toBe(12 * 7)
      const bodies = bodiesOf(found)
      expect(bodies.length).toBe(12)
      expect(bodies.map((body) => countOf(body, "Exp"))).toEqual(Array(12).fill(7))
      // Without it, the backward pass reads the values of the forward pass.
      expect(countOf(yield* optimised(serialise(deep(plain))), "Exp")).toBe(12 * 7)
    }))

  it("cannot begin before its gradient arrives: each layer's waits for that of the layer after it", () => {
    const loops = deep(recompute).nodes.filter(({ op }) => op === "Loop")
    expect(loops.length).toBe(12)
    loops.slice(1).forEach((node, index) => expect(reads(node, loops[index]!)).toBe(true))
    expect(reads(loops[0]!, loops[1]!)).toBe(false)
  })

  it("shares what depends on frozen weights alone, and computes no gradients for them", () => {
    const program = graph("frozen")
    const x = input(program, "x", "float32", ["n", 4])
    const weights = [1, 2].map((seed) => {
      const { data, dims } = varied([4, 4], -1, 1, seed)
      return parameter(program, `w${seed}`, "float32", dims, tensorData("float32", dims, Array.from(data, Number)))
    })
    const y = recompute([x], ([x]) => tanh(linear(x, concat(weights, 0))))
    gradients(reduceSum(y), [x])
    const repeated = program.nodes.find(({ op }) => op === "Loop")
    const [attribute] = Object.values(repeated?.attributes ?? {})
    const body = attribute !== undefined && "graph" in attribute ? attribute.graph : program
    const joint = (graph: Graph) =>
      graph.nodes.filter(({ op, outputs }) => op === "Concat" && outputs[0]?.shape[0] === 8)
    expect(joint(program).length).toBe(2)
    expect(joint(body)).toEqual([])
    expect(body.nodes.map(({ op }) => op)).toContain("Tanh")
    expect(repeated?.outputs.length).toBe(1)
    expect(body.nodes.find(({ op }) => op === "Tanh")?.place).toBe("gradient/recompute")
  })
})

/** Whether a node, or a body of it, reads what another computed, directly or through others. */
const reads = (node: Node, other: Node, seen = new Set<Node>()): boolean => {
  if (seen.has(node)) return false
  seen.add(node)
  const within = Object.values(node.attributes).flatMap((value) => "graph" in value ? value.graph.nodes : [])
  return [...node.inputs, ...within.flatMap(({ inputs }) => inputs)].some((tensor) =>
    tensor?.producer !== undefined && (tensor.producer === other || reads(tensor.producer, other, seen))
  )
}
