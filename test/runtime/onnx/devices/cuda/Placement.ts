/**
 * Where onnxruntime's CUDA provider runs each node of a program, and the copies between GPU and host that follow, without
 * a GPU and without onnxruntime: its rules, followed on the graph.
 *
 * 1. A node without a CUDA kernel runs on the CPU.
 * 2. A node with one runs on the CPU all the same where it only continues a computation on small host values, such as
 *    shapes: each input is such a value, a constant of at most 100 elements or a graph's own input, none is of a 16-bit
 *    float type, and its kernel does not itself take a host value in that place (GetCpuPreferredNodes in onnxruntime's
 *    fallback_cpu_capability.cc).
 * 3. A value gets a copy node ("Memcpy") where one side computes it and the other reads it; an input of a graph, and a
 *    value read from outside a loop's body, gets one where both sides read it (transformer_memcpy.cc).
 * 4. The body of a loop is a graph of its own. Values from outside that lie on the other side are copied before every
 *    iteration, without a node that shows it (loop.cc, by way of utils::ExecuteSubgraph).
 *
 * Optimisations that onnxruntime makes before are not followed: they remove nodes and copies, mostly of constants.
 */
import type { Graph, Node, Tensor } from "../../../../../runtime/onnx/Graph.ts"
import { usedNodes } from "../../../../../runtime/onnx/Model.ts"
import { elementCount } from "../../../../../runtime/onnx/TensorData.ts"
import { hasKernel, isHostInput, isHostOutput } from "./CudaKernels.ts"

export interface Copy {
  readonly direction: "to host" | "from host"
  readonly tensor: Tensor
}

/** The program itself, or the body of one of its loops or branches. */
export interface GraphPlacement {
  /** "program", or the names of the bodies from the outermost: "chunks/tokens". */
  readonly path: string
  readonly nodes: number
  readonly withoutKernel: ReadonlyArray<Node>
  readonly onCpu: ReadonlyArray<Node>
  /** Memcpy nodes, each run once per iteration in a body. */
  readonly copies: ReadonlyArray<Copy>
  /** Values computed outside the body that are copied anew before every iteration. */
  readonly fed: ReadonlyArray<Copy>
}

/** Places every node of a program; the program first, then bodies as they come. */
export const placeOnCuda = (program: Graph): ReadonlyArray<GraphPlacement> => {
  const used = usedNodes(program)
  const small = new Set(
    program.parameters.filter(({ tensor }) => elementCount(tensor.shape.map(Number)) <= 100).map(({ tensor }) => tensor)
  )
  const constants = new Set(program.parameters.map(({ tensor }) => tensor))
  const onHost = new Set<Tensor>()
  const visit = (graph: Graph, path: string): ReadonlyArray<GraphPlacement> => {
    const nodes = graph.nodes.filter((node) => used.has(node))
    const withoutKernel = nodes.filter((node) => !hasKernel(node))
    const onCpu = new Set([...withoutKernel, ...preferCpu(graph, nodes, small)])
    for (const node of nodes) {
      node.outputs.forEach((tensor, index) => {
        if (onCpu.has(node) || isHostOutput(node, index)) onHost.add(tensor)
      })
    }
    const reads = readersOf(nodes, onCpu)
    const copies: Array<Copy> = []
    const fed: Array<Copy> = []
    for (const [tensor, { device, host }] of reads) {
      // The program's own are given to each side; those that a body reads are copied, once for all its nodes.
      if (constants.has(tensor)) {
        if (graph !== program && device && host) copies.push({ direction: "from host", tensor })
        continue
      }
      const own = tensor.graph === graph && tensor.producer !== undefined
      const lies = onHost.has(tensor)
      if (own && lies && device) copies.push({ direction: "from host", tensor })
      if (own && !lies && host) copies.push({ direction: "to host", tensor })
      if (!own && device && host) copies.push({ direction: "from host", tensor })
      const computedOutside = tensor.graph !== graph && tensor.producer !== undefined
      if (computedOutside && !lies && host) fed.push({ direction: "to host", tensor })
      if (computedOutside && lies && device && !host) fed.push({ direction: "from host", tensor })
    }
    // The iteration's number is the host's.
    const number = graph.kind === "loop" ? graph.inputs[0] : undefined
    if (number !== undefined && reads.get(number)?.device === true) fed.push({ direction: "from host", tensor: number })
    const here = { path, nodes: nodes.length, withoutKernel, onCpu: [...onCpu], copies, fed }
    const inner = nodes.flatMap((node) =>
      Object.values(node.attributes).flatMap((attribute) =>
        "graph" in attribute
          ? visit(attribute.graph, path === "program" ? attribute.graph.name : `${path}/${attribute.graph.name}`)
          : []
      )
    )
    return [here, ...inner]
  }
  return visit(program, "program")
}

/** Which side reads each value of a graph. */
const readersOf = (nodes: ReadonlyArray<Node>, onCpu: ReadonlySet<Node>) => {
  const reads = new Map<Tensor, { device: boolean; host: boolean }>()
  for (const node of nodes) {
    node.inputs.forEach((tensor, index) => {
      if (tensor === undefined) return
      const readers = reads.get(tensor) ?? { device: false, host: false }
      readers[onCpu.has(node) || isHostInput(node, index) ? "host" : "device"] = true
      reads.set(tensor, readers)
    })
  }
  return reads
}

/** Nodes that have a CUDA kernel and run on the CPU all the same. */
const preferCpu = (graph: Graph, nodes: ReadonlyArray<Node>, small: ReadonlySet<Tensor>): ReadonlyArray<Node> => {
  const onHost = new Set<Tensor>()
  const chosen: Array<Node> = []
  const inputs = new Set(graph.inputs)
  const sixteen = new Set(["float16", "bfloat16"])
  // In order, so that what a node reads has been decided before it.
  for (const node of nodes) {
    const tensors = node.inputs.flatMap((tensor, index) => tensor === undefined ? [] : [{ tensor, index }])
    const candidate = tensors.some(({ tensor }) => onHost.has(tensor))
    const decided = !hasKernel(node) || (candidate && tensors.every(({ index, tensor }) =>
      !sixteen.has(tensor.dtype) &&
      (small.has(tensor) || inputs.has(tensor) || (onHost.has(tensor) && !isHostInput(node, index)))
    ))
    if (decided && hasKernel(node)) chosen.push(node)
    node.outputs.forEach((tensor, index) => {
      // A node without a kernel passes its side on to its readers only when it was reached from a host value itself.
      if ((decided && (hasKernel(node) || candidate)) || (!decided && isHostOutput(node, index))) onHost.add(tensor)
    })
  }
  return chosen
}
