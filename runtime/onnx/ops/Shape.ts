import { addDims, canonical, type Dim, type Shape, symbolsOf, termsOf } from "../Dimension.ts"
import { constant, emit, fail, type Graph, scalar, type Tensor } from "../Graph.ts"
import { int64 } from "../TensorData.ts"
import { add, mul } from "./Arithmetic.ts"
import { concat } from "./Join.ts"

/** The shape of `x` when the program runs: int64 [rank]. */
export const shapeOf = (x: Tensor): Tensor =>
  shared(
    x.graph,
    `shape of ${x.name}`,
    () => emit({ op: "Shape", inputs: [x], dtype: "int64", shape: [x.shape.length] })
  )

/** The value of one dimension when the program runs: int64 [1]. A symbol is read off the tensor that brought it. */
export const dimension = (graph: Graph, dim: Dim): Tensor => {
  if (typeof dim === "number") return constant(graph, int64([1], [dim]))
  const exact = canonical(dim)
  return shared(graph, `dimension ${exact}`, () => {
    const { innermost } = graph.root
    const symbols = symbolsOf(exact)
    if (symbols[0] !== exact && symbols.every((symbol) => innermost.knows(symbol))) return computed(graph, exact)
    const source = innermost.enclosing().map((outer) => outer.dimensions.get(exact)).find((found) => found)
    if (source === undefined) return fail("dimension", [], `no tensor that can be read here has a dimension ${exact}`)
    const attributes = { start: { int: source.axis }, end: { int: source.axis + 1 } }
    return emit({ op: "Shape", inputs: [source.tensor], attributes, dtype: "int64", shape: [1] })
  })
}

const computed = (graph: Graph, dim: Dim): Tensor =>
  termsOf(dim).map(([n, symbols]) => {
    const factors = symbols.map((symbol) => dimension(graph, symbol))
    return (n === 1 && factors.length > 0 ? factors : [...factors, dimension(graph, n)]).reduce(mul)
  }).reduce(add)

/** A list of dimensions as int64 [rank], as ops that take a shape at run time want it. */
export const shapeVector = (graph: Graph, dims: Shape): Tensor => {
  if (dims.every((dim) => typeof dim === "number")) return constant(graph, int64([dims.length], dims))
  return shared(graph, `vector [${dims}]`, () => concat(dims.map((dim) => dimension(graph, dim)), 0))
}

/** The value of one dimension when the program runs, as a scalar: int64 []. */
export const extent = (graph: Graph, dim: Dim): Tensor => {
  if (typeof dim === "number") return scalar(graph, "int64", dim)
  const inputs = [dimension(graph, dim), constant(graph, int64([1], [0]))]
  return emit({ op: "Squeeze", inputs, dtype: "int64", shape: [] })
}

/**
 * States the shape of `x` where the builder cannot see it, so that the symbols are equal to those of other tensors.
 * The statement is trusted: a wrong one surfaces as an error of onnxruntime when the program runs.
 */
export const assume = (x: Tensor, shape: Shape): Tensor => {
  const wrong = x.shape.length !== shape.length ||
    x.shape.some((dim, axis) => typeof dim === "number" && typeof shape[axis] === "number" && dim !== shape[axis])
  if (wrong) fail("assume", [x], `cannot be [${shape}]`)
  return emit({ op: "Identity", inputs: [x], dtype: x.dtype, shape, gradient: (dy) => [assume(dy, x.shape)] })
}

/** One tensor for equal requests, found again wherever it can be read. */
const shared = (graph: Graph, key: string, make: () => Tensor): Tensor => {
  for (const outer of graph.root.innermost.enclosing()) {
    const known = outer.shared.get(key)
    if (known !== undefined) return known
  }
  const made = make()
  made.graph.shared.set(key, made)
  return made
}

export const sum = (dims: Shape): Dim => dims.reduce(addDims, 0)
