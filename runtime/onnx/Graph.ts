import { canonical, type Dim, printShape, type Shape, symbolsOf } from "./Dimension.ts"
import { type DType, elements } from "./DType.ts"
import { describe, GraphError } from "./GraphError.ts"
import { currentPlace } from "./Scope.ts"
import { elementCount, rawBytes, type TensorData, tensorData } from "./TensorData.ts"

/** One value of a program. Its dimensions are numbers, or symbols whose values are known when the program runs. */
export interface Tensor {
  readonly graph: Graph
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
  /** The node that computes it; inputs, parameters and constants have none. */
  readonly producer: Node | undefined
}

export type Attribute =
  | { readonly int: number }
  | { readonly ints: ReadonlyArray<number> }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly graph: Graph }

/**
 * From the gradients of a node's outputs (undefined where an output does not reach the loss) to those of its inputs, by
 * position; undefined where none flows. Written in ops, so gradients have gradients. `needed` tells which of them are
 * asked for, to ops that compute several together; others may ignore it, as what no output needs is dropped.
 */
export type Gradient = (
  outputs: ReadonlyArray<Tensor | undefined>,
  needed: ReadonlyArray<boolean>
) => ReadonlyArray<Tensor | undefined>

/** One op applied to tensors. */
export interface Node {
  /** Position in the order of creation over the whole program: a node comes after everything it reads. */
  readonly order: number
  readonly graph: Graph
  readonly op: string
  readonly domain: string
  readonly name: string
  /** The named scopes the node was made in, outermost first: "layers.0/attention". */
  readonly place: string
  readonly inputs: ReadonlyArray<Tensor | undefined>
  readonly outputs: ReadonlyArray<Tensor>
  readonly attributes: Readonly<Record<string, Attribute>>
  /** The tensors that `gradient` answers for, by position: the inputs, unless the op says otherwise. */
  readonly differentiable: ReadonlyArray<Tensor | undefined>
  readonly gradient: Gradient | undefined
}

/** Where the bytes of a weight lie in a file beside the model. */
export interface ExternalData {
  /** Path of the file, relative to the folder the session is given. */
  readonly location: string
  readonly offset: number
  readonly length: number
}

/** A tensor with fixed values: a weight or a constant. */
export interface Parameter {
  readonly tensor: Tensor
  readonly source: TensorData | ExternalData
}

/**
 * A program under construction, or the body of a loop or branch within one. Ops add nodes to it; `serialise` (Model.ts)
 * turns a whole program into bytes that onnxruntime runs. Building is synchronous.
 */
export class Graph {
  readonly name: string
  readonly kind: "program" | "loop" | "branch"
  readonly parent: Graph | undefined
  readonly root: Graph
  readonly nodes: Array<Node> = []
  readonly inputs: Array<Tensor> = []
  readonly outputs: Array<{ readonly name: string; readonly tensor: Tensor }> = []
  readonly parameters: Array<Parameter> = []
  /** Where the value of a dimension can be read when the program runs. */
  readonly dimensions = new Map<Dim, { readonly tensor: Tensor; readonly axis: number }>()
  /** Tensors made once and shared: constants by their bytes, shape vectors by their spelling. */
  readonly shared = new Map<string, Tensor>()
  /** Tensors from outside whose uses in this body stay in it, as if they were its own: what a recomputation starts from. */
  readonly held = new Set<Tensor>()
  /** On the root only: the innermost graph being built, and names taken so far in the whole program. */
  innermost: Graph
  readonly names = new Map<string, number>()
  created = 0

  constructor(name: string, kind: Graph["kind"] = "program", parent?: Graph) {
    this.name = name
    this.kind = kind
    this.parent = parent
    this.root = parent === undefined ? this : parent.root
    this.innermost = this
  }

  /** This graph and those around it, innermost first: all whose tensors it may read. */
  enclosing(): ReadonlyArray<Graph> {
    return this.parent === undefined ? [this] : [this, ...this.parent.enclosing()]
  }

  /** A name not used anywhere in the program; ONNX forbids an inner graph to reuse an outer graph's name. */
  unique(name: string): string {
    const taken = this.root.names.get(name) ?? 0
    this.root.names.set(name, taken + 1)
    return taken === 0 ? name : this.unique(`${name}_${taken}`)
  }

  /** A new symbol for a dimension that only the running program knows. */
  symbol(name: string): string {
    return this.unique(name.replaceAll(/[^\w.]/g, "_"))
  }

  add(name: string, dtype: DType, shape: Shape, producer?: Node): Tensor {
    const tensor: Tensor = { graph: this, name, dtype, shape: shape.map(canonical), producer }
    tensor.shape.forEach((dim, axis) => {
      if (typeof dim === "string" && !this.knows(dim)) this.dimensions.set(dim, { tensor, axis })
    })
    return tensor
  }

  knows(dim: Dim): boolean {
    return this.enclosing().some((graph) => graph.dimensions.has(dim))
  }
}

/** An empty program. Its name appears in errors and events. */
export const graph = (name: string): Graph => new Graph(name)

/**
 * A value given at each run. Symbols in its shape (letters, digits, _ and .) stand for sizes that may differ between
 * runs; a later input may calculate with them: "length-1".
 */
export const input = (graph: Graph, name: string, dtype: DType, shape: Shape): Tensor => {
  const { root } = graph
  refuseTaken(graph, "input", name)
  for (const dim of shape.map(canonical)) {
    const unknown = symbolsOf(dim).filter((symbol) => symbol !== dim && !root.knows(symbol))
    if (unknown.length > 0) {
      fail("input", [], `${name}: ${dim} calculates with ${unknown.join(" and ")}, which no input has had yet`)
    }
  }
  const tensor = root.add(root.unique(name), dtype, shape)
  root.inputs.push(tensor)
  return tensor
}

/** A weight: fixed in the program, its bytes inside the model or in a file beside it. */
export const parameter = (
  graph: Graph,
  name: string,
  dtype: DType,
  dims: ReadonlyArray<number>,
  source: TensorData | ExternalData
): Tensor => {
  refuseTaken(graph, "parameter", name)
  const needed = elementCount(dims) * elements[dtype].bytes
  const length = "data" in source ? source.data.byteLength : source.length
  if (length !== needed) {
    fail("parameter", [], `${name}: ${printShape(dims)} of ${dtype} takes ${needed} bytes, not ${length}`)
  }
  if ("location" in source && !isInside(source.location)) {
    fail("parameter", [], `${name}: ${source.location} is not a path inside the folder of the weights`)
  }
  const tensor = graph.root.add(graph.unique(name), dtype, dims)
  graph.root.parameters.push({ tensor, source })
  return tensor
}

const isInside = (location: string): boolean =>
  location !== "" && !/^[/\\]|^[A-Za-z]:/.test(location) && !location.split(/[/\\]/).includes("..")

/** Makes a tensor a result of the program under this name. */
export const output = (name: string, tensor: Tensor): void => {
  const root = tensor.graph
  if (root.kind !== "program") fail("output", [tensor], "it lives in a loop or branch; return it from the body instead")
  if (root.outputs.some((other) => other.name === name)) fail("output", [tensor], `there already is an output ${name}`)
  root.outputs.push({ name, tensor })
}

/**
 * Fixed values; equal constants of one use become one. Shapes, axes and the like are wanted by the host, `data` by the
 * device: one tensor for both would be copied in every iteration of a loop.
 */
export const constant = (graph: Graph, value: TensorData, use: "shape" | "data" = "shape"): Tensor => {
  const { root } = graph
  const key = `${use} ${value.dtype}[${value.dims}]${Buffer.from(rawBytes(value)).toString("base64")}`
  const known = root.shared.get(key)
  if (known !== undefined) return known
  const tensor = root.add(root.unique("constant"), value.dtype, value.dims)
  root.parameters.push({ tensor, source: value })
  root.shared.set(key, tensor)
  return tensor
}

/** One number as a tensor [] of this type. */
export const scalar = (graph: Graph, dtype: DType, value: number, use: "shape" | "data" = "data"): Tensor =>
  constant(graph, tensorData(dtype, [], [value]), use)

interface Application {
  readonly op: string
  readonly inputs: ReadonlyArray<Tensor | undefined>
  readonly attributes?: Readonly<Record<string, Attribute>>
  /** The opset the op is of; ONNX's own when left out. Others must be named to `serialise`. */
  readonly domain?: string
  readonly differentiable?: ReadonlyArray<Tensor | undefined>
  /** The graph to add the node to, where the place its inputs allow is not the one meant. */
  readonly within?: Graph
}

interface Value {
  readonly dtype: DType
  readonly shape: Shape
}

/** Adds a node with one output. An op without a gradient may be used anywhere but between a loss and what it is differentiated by. */
export const emit = (
  application: Application & Value & {
    readonly gradient?: (output: Tensor, needed: ReadonlyArray<boolean>) => ReadonlyArray<Tensor | undefined>
  }
): Tensor => {
  const { dtype, gradient, shape, ...rest } = application
  const [result] = emitMany({
    ...rest,
    outputs: [{ dtype, shape }],
    ...(gradient && { gradient: ([dy], needed) => dy === undefined ? [] : gradient(dy, needed) })
  })
  return result
}

/** One tensor for each element of a list or tuple. */
export type OneEach<Of extends ReadonlyArray<unknown>> = { readonly [K in keyof Of]: Tensor }

/** `map` that keeps the length of a tuple in its type. */
export const oneEach = <const Of extends ReadonlyArray<unknown>>(
  of: Of,
  make: (item: Of[number], index: number) => Tensor
): OneEach<Of> => of.map(make) as unknown as OneEach<Of>

/** Adds a node with several outputs. */
export const emitMany = <const Outputs extends ReadonlyArray<Value>>(
  application: Application & { readonly outputs: Outputs; readonly gradient?: Gradient }
): OneEach<Outputs> => {
  const inputs = application.inputs.filter((tensor) => tensor !== undefined)
  const home = homeOf(application.op, inputs)
  const target = application.within ?? home
  const place = currentPlace()
  const name = target.unique(place === "" ? application.op : `${place}/${application.op}`)
  const made: Array<Tensor> = []
  const node: Node = {
    order: target.root.created++,
    graph: target,
    op: application.op,
    domain: application.domain ?? "",
    name,
    place,
    inputs: application.inputs,
    outputs: made,
    attributes: application.attributes ?? {},
    differentiable: application.differentiable ?? application.inputs,
    gradient: application.gradient
  }
  const outputs = oneEach(
    application.outputs,
    ({ dtype, shape }, index) => target.add(index === 0 ? name : target.unique(`${name}:${index}`), dtype, shape, node)
  )
  made.push(...outputs)
  target.nodes.push(node)
  return outputs
}

/**
 * The graph a node belongs to: the outermost one that sees all its inputs, so that what does not change within a loop
 * is computed once before it. Never outside an open branch, whose nodes must run only when it is taken.
 */
const homeOf = (op: string, inputs: ReadonlyArray<Tensor>): Graph => {
  const first = inputs[0]
  if (first === undefined) return fail(op, [], "an op needs an input, to know its graph")
  const visible = first.graph.root.innermost.enclosing()
  const needed = inputs.map((tensor) => {
    const depth = visible.findIndex((graph) => graph === tensor.graph || graph.held.has(tensor))
    if (depth === -1) fail(op, inputs, `${tensor.name} lives in ${tensor.graph.name}, which is not open here`)
    return depth
  })
  const branch = visible.findIndex((graph) => graph.kind === "branch")
  return visible[Math.min(...needed, branch === -1 ? Infinity : branch)] ?? first.graph
}

/** Builds the body of a loop or branch: what `build` adds that depends on the body's inputs lands in the body. */
export const subgraph = <A>(within: Graph, name: string, kind: "loop" | "branch", build: (body: Graph) => A): A => {
  const { root } = within
  const outer = root.innermost
  const body = new Graph(root.unique(name), kind, outer)
  root.innermost = body
  try {
    return build(body)
  } finally {
    root.innermost = outer
  }
}

const refuseTaken = (graph: Graph, op: string, name: string): void => {
  if (graph.root.names.has(name)) fail(op, [], `the name ${name} is taken`)
}

/** Stops the building with a GraphError that says where it happened. */
export const fail = (op: string, operands: ReadonlyArray<Tensor>, problem: string): never => {
  throw new GraphError({ op, place: currentPlace(), operands: operands.map(describe), problem })
}
