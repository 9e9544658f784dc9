import { sameType } from "../Broadcast.ts"
import { type Dim, printShape, type Shape, substitute } from "../Dimension.ts"
import { constant, emit, emitMany, fail, type Graph, scalar, subgraph, type Tensor } from "../Graph.ts"
import { tensorData } from "../TensorData.ts"
import { extent } from "./Shape.ts"

/** What one iteration leaves. */
export interface Iteration<State extends string, Scan extends string> {
  /** The state of the next iteration: the same keys, types and shapes as it came with. */
  readonly state: Readonly<Record<State, Tensor>>
  /** Values kept from every iteration, stacked along a new first axis. */
  readonly scan?: Readonly<Record<Scan, Tensor>>
  /** bool []: whether to go on after this iteration. */
  readonly proceed?: Tensor
}

export interface LoopOptions<State extends string, Scan extends string> {
  /** Names the body in errors and node names. */
  readonly name?: string
  /** The most iterations: a dimension of the program, or int64 []. */
  readonly trips: Dim | Tensor
  /** bool []: whether to run at all. */
  readonly proceed?: Tensor
  /** What is carried from one iteration to the next, at the start. */
  readonly state: Readonly<Record<State, Tensor>>
  /**
   * Shapes of states that change size, with new symbols for the dimensions that do:
   * `{ keys: ["batch", "past", 64] }` for a cache that grows along its second axis.
   */
  readonly shapes?: { readonly [K in State]?: Shape }
  /** Tensors from outside whose uses stay in the body, where what does not change between iterations is computed before. */
  readonly held?: ReadonlyArray<Tensor>
  /** Builds one iteration from its number (int64 [], from 0) and the state. It may read any tensor outside. */
  readonly body: (iteration: Tensor, state: Readonly<Record<State, Tensor>>) => Iteration<State, Scan>
}

export interface LoopResult<State extends string, Scan extends string> {
  /** The state after the last iteration. */
  readonly state: Readonly<Record<State, Tensor>>
  /** Values of all iterations: [iterations, ...]. */
  readonly scan: Readonly<Record<Scan, Tensor>>
}

/** The host counts the trips: a number among the device's values would be copied to it. */
const tripsOf = (graph: Graph, trips: Dim | Tensor): Tensor => {
  if (typeof trips === "object") return trips
  return typeof trips === "number" ? scalar(graph, "int64", trips, "shape") : extent(graph, trips)
}

/**
 * Repeats a body within the program (ONNX Loop), so that nothing returns to JavaScript between iterations. Tensors from
 * outside, weights above all, are read in place; what does not depend on the iteration is computed once before it.
 * A loop has no gradient: take gradients inside its body.
 */
export const loop = <State extends string, Scan extends string = never>(
  options: LoopOptions<State, Scan>
): LoopResult<State, Scan> => {
  const name = options.name ?? "loop"
  const keys = keysOf(options.state)
  const starts = keys.map((key) => options.state[key])
  const anchor = starts[0] ?? (typeof options.trips === "object" ? options.trips : undefined)
  if (anchor === undefined) return fail(name, [], "a loop needs a state, or a number of trips given as a tensor")
  const outer = anchor.graph.root.innermost
  const always = constant(outer, tensorData("bool", [], [1]))

  const { body, ends, scans, shapes } = subgraph(outer, name, "loop", (body) => {
    for (const tensor of options.held ?? []) body.held.add(tensor)
    const entry = (label: string, dtype: Tensor["dtype"], shape: Shape): Tensor => {
      const tensor = body.add(body.unique(`${body.name}/${label}`), dtype, shape)
      body.inputs.push(tensor)
      return tensor
    }
    const iteration = entry("iteration", "int64", [])
    entry("proceed", "bool", [])
    const shapes = keys.map((key) => stateShape(name, key, options.state[key], options.shapes?.[key]))
    const state = record(keys, (key, index) => entry(key, options.state[key].dtype, shapes[index] ?? []))

    const result = options.body(iteration, state)
    const next = keys.map((key) => result.state[key])
    checkInvariant(name, keys.map((key) => state[key]), next)
    const scanned = result.scan
    const scans = scanned === undefined ? [] : keysOf(scanned).map((key) => ({ key, tensor: scanned[key] }))
    const goOn = result.proceed ?? constant(outer, tensorData("bool", [], [1]), "data")
    for (const tensor of [goOn, ...next, ...scans.map(({ tensor }) => tensor)]) leave(body, tensor)
    return { body, ends: result.proceed !== undefined, scans, shapes }
  })

  // Symbols that only the body knows have another, unknown value after it.
  const outside = renamed(outer, body.name)
  const early = ends || options.proceed !== undefined
  const rounds = typeof options.trips === "object" || early ? outer.symbol(`${body.name}.trips`) : options.trips
  const results = emitMany({
    op: "Loop",
    inputs: [
      tripsOf(outer, options.trips),
      options.proceed ?? always,
      ...starts
    ],
    attributes: { body: { graph: body } },
    outputs: [
      ...starts.map(({ dtype }, index) => ({ dtype, shape: outside(shapes[index] ?? []) })),
      ...scans.map(({ tensor }) => ({ dtype: tensor.dtype, shape: [rounds, ...outside(tensor.shape)] }))
    ],
    within: outer
  })
  return {
    state: record(keys, (_, index) => results[index]),
    scan: record(scans.map(({ key }) => key), (_, index) => results[keys.length + index])
  }
}

/** Runs one of two parts of a program (ONNX If). Both give the same number of tensors, of the same types. */
export const ifElse = (
  condition: Tensor,
  whenTrue: () => ReadonlyArray<Tensor>,
  whenFalse: () => ReadonlyArray<Tensor>
): ReadonlyArray<Tensor> => {
  if (condition.dtype !== "bool" || condition.shape.length !== 0) {
    fail("ifElse", [condition], "the condition must be bool[]")
  }
  const outer = condition.graph.root.innermost
  const branch = (name: string, build: () => ReadonlyArray<Tensor>) =>
    subgraph(outer, name, "branch", (body) => {
      const results = build()
      for (const tensor of results) leave(body, tensor)
      return { body, results }
    })
  const taken = branch("then", whenTrue)
  const other = branch("else", whenFalse)
  if (taken.results.length !== other.results.length) {
    fail("ifElse", [condition], "the branches give different numbers of tensors")
  }
  const outside = [renamed(outer, taken.body.name), renamed(outer, other.body.name)] as const
  const outputs = taken.results.map((a, index) => {
    const b = other.results[index] ?? a
    sameType("ifElse", [a, b])
    if (a.shape.length !== b.shape.length) fail("ifElse", [a, b], "the branches give different numbers of axes")
    const [left, right] = [outside[0](a.shape), outside[1](b.shape)]
    const shape = left.map((dim, axis) => dim === right[axis] ? dim : outer.symbol(`${taken.body.name}.size`))
    return { dtype: a.dtype, shape }
  })
  return emitMany({
    op: "If",
    inputs: [condition],
    attributes: { then_branch: { graph: taken.body }, else_branch: { graph: other.body } },
    outputs,
    within: outer
  })
}

/** What a body gives must be computed in it, once per result: values from elsewhere pass through Identity. */
const leave = (body: Graph, tensor: Tensor): void => {
  const own = tensor.graph === body && tensor.producer !== undefined &&
    !body.outputs.some((other) => other.tensor === tensor)
  const result = own
    ? tensor
    : emit({ op: "Identity", inputs: [tensor], dtype: tensor.dtype, shape: tensor.shape, within: body })
  body.outputs.push({ name: result.name, tensor: result })
}

/** The declared shape of a state, which may differ from the first value's only in symbols of its own. */
const stateShape = (name: string, key: string, start: Tensor, declared: Shape = start.shape): Shape => {
  const fits = declared.length === start.shape.length &&
    declared.every((dim, axis) =>
      dim === start.shape[axis] || (typeof dim === "string" && !start.graph.root.innermost.parent?.knows(dim))
    )
  if (!fits) {
    fail(
      name,
      [start],
      `state ${key} cannot be declared ${printShape(declared)}: only dimensions with new symbols may change`
    )
  }
  return declared
}

/** A state must leave an iteration as it entered it; a dimension with a symbol of the body may change. */
const checkInvariant = (name: string, entering: ReadonlyArray<Tensor>, leaving: ReadonlyArray<Tensor>): void => {
  const next = new Map<Dim, Dim>()
  entering.forEach((before, index) => {
    const after = leaving[index]
    if (after === undefined) return fail(name, [before], "the body does not return this state")
    sameType(name, [before, after])
    const kept = before.shape.length === after.shape.length && before.shape.every((dim, axis) => {
      const found = after.shape[axis] ?? 0
      const varies = typeof dim === "string" && before.graph.dimensions.has(dim)
      if (!varies) return dim === found
      const agreed = next.get(dim) ?? found
      next.set(dim, agreed)
      return agreed === found
    })
    if (!kept) fail(name, [before, after], "a state changes shape in an iteration; declare the dimension in `shapes`")
  })
}

/** Gives the symbols that are not known outside a body new names. */
const renamed = (outer: Graph, name: string): (shape: Shape) => Shape => {
  const names = new Map<string, string>()
  const rename = (symbol: string): string => {
    if (outer.knows(symbol)) return symbol
    const known = names.get(symbol) ?? outer.symbol(`${name}.${symbol}`)
    names.set(symbol, known)
    return known
  }
  return (shape) => shape.map((dim) => substitute(dim, rename))
}

const keysOf = <K extends string>(of: Readonly<Record<K, Tensor>>): ReadonlyArray<K> => Object.keys(of) as Array<K>

const record = <K extends string>(
  keys: ReadonlyArray<K>,
  value: (key: K, index: number) => Tensor | undefined
): Readonly<Record<K, Tensor>> =>
  Object.fromEntries(keys.map((key, index) => [key, value(key, index)])) as Record<K, Tensor>
