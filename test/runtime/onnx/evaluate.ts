import { Effect } from "effect"
import type { Shape } from "../../../runtime/onnx/Dimension.ts"
import { type Graph, graph, input, output, type Tensor } from "../../../runtime/onnx/Graph.ts"
import { serialise } from "../../../runtime/onnx/Model.ts"
import { type OpenOptions, Sessions } from "../../../runtime/onnx/Sessions.ts"
import { elementCount, type TensorData, tensorData, toNumbers } from "../../../runtime/onnx/TensorData.ts"

/** A value for an input, and the shape the input is declared with when that is not the value's own. */
export interface Given {
  readonly value: TensorData
  readonly shape: Shape
}

export const given = (value: TensorData, shape: Shape = value.dims): Given => ({ value, shape })

/** float64 values between low and high that look random and are the same in every run. */
export const varied = (dims: ReadonlyArray<number>, low = -2, high = 2, seed = 1): TensorData =>
  tensorData(
    "float64",
    dims,
    Array.from({ length: elementCount(dims) }, (_, index) =>
      low + (high - low) * fraction(Math.sin((index + 1) * 12.9898 + seed * 78.233) * 43758.5453))
  )

const fraction = (x: number): number => x - Math.floor(x)

export interface Evaluated {
  readonly dims: ReadonlyArray<number>
  readonly values: ReadonlyArray<number>
}

/** Builds a program of these inputs and runs it once. */
export const evaluate = <Name extends string>(
  inputs: ReadonlyArray<Given>,
  build: (tensors: ReadonlyArray<Tensor>, graph: Graph) => Readonly<Record<Name, Tensor>>,
  options: Partial<OpenOptions> = {}
): Effect.Effect<Readonly<Record<Name, Evaluated>>, unknown, Sessions> =>
  Effect.gen(function*() {
    const program = graph("test")
    const tensors = inputs.map(({ shape, value }, index) => input(program, `input ${index}`, value.dtype, shape))
    const results = build(tensors, program)
    const names = Object.keys(results) as Array<Name>
    for (const name of names) output(name, results[name])
    const model = serialise(program, { domains: { "com.microsoft": 1 } })
    const session = yield* (yield* Sessions).open(model, { device: "cpu", threads: 1, ...options })
    const feeds = Object.fromEntries(inputs.map(({ value }, index) => [`input ${index}`, value]))
    const values = yield* session.run({ feeds, fetch: names })
    return Object.fromEntries(
      names.map((name) => [name, { dims: values[name].dims, values: toNumbers(values[name]) }])
    ) as Record<Name, Evaluated>
  }).pipe(Effect.scoped)

/** The one result of a function of tensors. */
export const apply = (
  inputs: ReadonlyArray<Given>,
  f: (tensors: ReadonlyArray<Tensor>, graph: Graph) => Tensor,
  options: Partial<OpenOptions> = {}
): Effect.Effect<Evaluated, unknown, Sessions> =>
  evaluate(inputs, (tensors, graph) => ({ result: f(tensors, graph) }), options).pipe(
    Effect.map(({ result }) => result)
  )
