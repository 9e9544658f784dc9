import { sizeOf, substitute } from "../../../runtime/onnx/Dimension.ts"
import { elements } from "../../../runtime/onnx/DType.ts"
import type { Graph, Node, Tensor } from "../../../runtime/onnx/Graph.ts"

/**
 * The most bytes of computed values that exist at once when the nodes that the outputs need run in the order they were
 * made, each value freed after its last use. Bodies count while they run; inputs and weights do not count.
 */
export const peakBytes = (graph: Graph, sizes: Readonly<Record<string, number>>): number => {
  const bytesOf = ({ dtype, shape }: Tensor) =>
    elements[dtype].bytes * Number(sizeOf(shape.map((dim) => substitute(dim, (symbol) => sizes[symbol] ?? NaN))))
  const peakOf = (graph: Graph): number => {
    const nodes = graph.nodes.filter((node) => needed.has(node))
    const lastUse = new Map<Tensor, number>()
    nodes.forEach((node, at) => readBy(node).forEach((tensor) => lastUse.set(tensor, at)))
    for (const { tensor } of graph.outputs) lastUse.set(tensor, Infinity)
    let [live, peak] = [0, 0]
    nodes.forEach((node, at) => {
      live += total(node.outputs.map(bytesOf))
      peak = Math.max(peak, live + Math.max(0, ...bodiesOf(node).map(peakOf)))
      const done = [...new Set([...readBy(node), ...node.outputs])]
      live -= total(
        done.filter((tensor) => tensor.producer !== undefined && nodes.includes(tensor.producer))
          .filter((tensor) => (lastUse.get(tensor) ?? at) === at).map(bytesOf)
      )
    })
    return peak
  }
  const needed = neededBy(graph)
  return peakOf(graph)
}

const total = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

const bodiesOf = (node: Node): ReadonlyArray<Graph> =>
  Object.values(node.attributes).flatMap((value) => "graph" in value ? [value.graph] : [])

/** What a node reads, also from within its bodies. */
const readBy = (node: Node): ReadonlyArray<Tensor> => [
  ...node.inputs.filter((tensor) => tensor !== undefined),
  ...bodiesOf(node).flatMap((body) => [...body.nodes.flatMap(readBy), ...body.outputs.map(({ tensor }) => tensor)])
]

const neededBy = (graph: Graph): ReadonlySet<Node> => {
  const found = new Set<Node>()
  const pending = graph.outputs.map(({ tensor }) => tensor)
  for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
    const node = tensor.producer
    if (node === undefined || found.has(node)) continue
    found.add(node)
    pending.push(...node.inputs.filter((input) => input !== undefined))
    for (const body of bodiesOf(node)) pending.push(...body.outputs.map((output) => output.tensor))
  }
  return found
}
