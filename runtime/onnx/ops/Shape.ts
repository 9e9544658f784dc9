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
export const dimension = (graph: Graph, dim: Dim): Tensor => dimensionIn(graph, dim, assembly(graph, [dim]))

/** A list of dimensions as int64 [rank], as ops that take a shape at run time want it. */
export const shapeVector = (graph: Graph, dims: Shape): Tensor => {
  if (dims.every((dim) => typeof dim === "number")) return constant(graph, int64([dims.length], dims))
  return shared(graph, `vector [${dims}]`, () => {
    const within = assembly(graph, dims)
    return concat(dims.map((dim) => dimensionIn(graph, dim, within)), 0)
  })
}

/**
 * The body in which dimensions of several graphs are put together; undefined where all come from one. Those from outside
 * are read anew there: a GPU's provider leaves arithmetic on shapes to the host only while all of it is in one graph, and
 * else copies to the GPU and back in every iteration.
 */
const assembly = (graph: Graph, dims: Shape): Graph | undefined => {
  const visible = graph.root.innermost.enclosing()
  const depths = dims.flatMap((dim) => typeof dim === "number" ? [] : leavesOf(visible, canonical(dim))).map((leaf) =>
    visible.findIndex((outer) => outer.dimensions.has(leaf))
  )
  const branch = visible.findIndex(({ kind }) => kind === "branch")
  const innermost = Math.min(...depths, branch === -1 ? Infinity : branch)
  return depths.every((depth) => depth === innermost) ? undefined : visible[innermost]
}

/** What a dimension is read from: itself where a tensor brought it, else the symbols it calculates with. */
const leavesOf = (visible: ReadonlyArray<Graph>, dim: Dim): ReadonlyArray<Dim> => {
  const symbols = symbolsOf(dim)
  const known = (symbol: Dim) => visible.some((outer) => outer.dimensions.has(symbol))
  return symbols.every(known) ? symbols : [dim]
}

const dimensionIn = (graph: Graph, dim: Dim, within: Graph | undefined): Tensor => {
  if (typeof dim === "number") return constant(graph, int64([1], [dim]))
  const exact = canonical(dim)
  const make = (): Tensor => {
    const { innermost } = graph.root
    const symbols = symbolsOf(exact)
    if (symbols[0] !== exact && symbols.every((symbol) => innermost.knows(symbol))) {
      return computed(graph, exact, within)
    }
    const source = innermost.enclosing().map((outer) => outer.dimensions.get(exact)).find((found) => found)
    if (source === undefined) return fail("dimension", [], `no tensor that can be read here has a dimension ${exact}`)
    const attributes = { start: { int: source.axis }, end: { int: source.axis + 1 } }
    return emit({
      op: "Shape",
      inputs: [source.tensor],
      attributes,
      dtype: "int64",
      shape: [1],
      ...(within && { within })
    })
  }
  if (within === undefined) return shared(graph, `dimension ${exact}`, make)
  const key = `dimension ${exact} here`
  const known = within.shared.get(key)
  if (known !== undefined) return known
  const made = make()
  within.shared.set(key, made)
  return made
}

const computed = (graph: Graph, dim: Dim, within: Graph | undefined): Tensor =>
  termsOf(dim).map(([n, symbols]) => {
    const factors = symbols.map((symbol) => dimensionIn(graph, symbol, within))
    return (n === 1 && factors.length > 0 ? factors : [...factors, dimensionIn(graph, n, within)]).reduce(mul)
  }).reduce(add)

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
