import { sameShape } from "./Dimension.ts"
import { isFloating } from "./DType.ts"
import { fail, type Node, type OneEach, oneEach, scalar, type Tensor } from "./Graph.ts"
import { add } from "./ops/Arithmetic.ts"
import { zeros } from "./ops/Fill.ts"
import { scope } from "./Scope.ts"

/**
 * The gradients of a scalar with respect to tensors of its graph, as further tensors of the graph (reverse mode).
 * A tensor that the loss does not depend on has a gradient of zeros. Gradients are made of ops that have gradients, so
 * this may be applied to its own results. Inside a loop body it differentiates what the body computes, also with
 * respect to tensors outside.
 */
export const gradients = <const Wrt extends ReadonlyArray<Tensor>>(
  loss: Tensor,
  wrt: Wrt
): OneEach<Wrt> => {
  if (loss.shape.length !== 0 || !isFloating(loss.dtype)) {
    fail("gradients", [loss], "the loss must be a floating scalar")
  }
  return pullback(loss, scalar(loss.graph, loss.dtype, 1), wrt)
}

/**
 * Carries a gradient that arrives at `y`, of its shape, back to tensors of the graph: the gradients of sum(y dy), dy fixed.
 * What `leaves` are computed from is not looked at: they count as given.
 */
export const pullback = <const Wrt extends ReadonlyArray<Tensor>>(
  y: Tensor,
  dy: Tensor,
  wrt: Wrt,
  leaves: ReadonlySet<Tensor> = new Set()
): OneEach<Wrt> => {
  for (const tensor of wrt) if (!isFloating(tensor.dtype)) fail("gradients", [tensor], "has no gradient by its type")
  const dependent = new Set<Tensor>(wrt)
  const path = nodesBefore(y, leaves).filter((node) => {
    const depends = node.differentiable.some((tensor) => tensor !== undefined && dependent.has(tensor))
    if (depends) { for (const output of node.outputs) if (isFloating(output.dtype)) dependent.add(output) }
    return depends
  })

  const found = new Map<Tensor, Tensor>([[y, dy]])
  for (const node of path.toReversed()) {
    const outputs = node.outputs.map((output) => found.get(output))
    if (outputs.every((dy) => dy === undefined)) continue
    const place = node.place === "" ? "gradient" : `gradient/${node.place}`
    const needed = node.differentiable.map((tensor) => tensor !== undefined && dependent.has(tensor))
    const inputs = scope(place, () => gradientsOfNode(node, outputs, needed))
    node.differentiable.forEach((tensor, index) => {
      const gradient = inputs[index]
      if (tensor === undefined || gradient === undefined || needed[index] !== true) return
      const sum = found.get(tensor)
      found.set(tensor, sum === undefined ? gradient : scope(place, () => add(sum, gradient)))
    })
  }
  return oneEach(wrt, (tensor) => found.get(tensor) ?? zeros(tensor.graph, tensor.dtype, tensor.shape))
}

/** The nodes a tensor is differentiated through, in the order they were made. */
const nodesBefore = (tensor: Tensor, leaves: ReadonlySet<Tensor>): ReadonlyArray<Node> => {
  const nodes = new Set<Node>()
  const pending: Array<Tensor | undefined> = [tensor]
  while (pending.length > 0) {
    const next = pending.pop()
    const node = next?.producer
    if (next === undefined || node === undefined || nodes.has(node) || leaves.has(next)) continue
    nodes.add(node)
    pending.push(...node.differentiable)
  }
  return [...nodes].toSorted((a, b) => a.order - b.order)
}

const gradientsOfNode = (
  node: Node,
  outputs: ReadonlyArray<Tensor | undefined>,
  needed: ReadonlyArray<boolean>
): ReadonlyArray<Tensor | undefined> => {
  if (node.gradient === undefined) {
    return fail(node.op, node.outputs, "has no gradient; use stopGradient around it, or differentiate inside its body")
  }
  const inputs = node.gradient(outputs, needed)
  inputs.forEach((gradient, index) => {
    const tensor = node.differentiable[index]
    if (gradient === undefined || tensor === undefined) return
    if (gradient.dtype !== tensor.dtype || !sameShape(gradient.shape, tensor.shape)) {
      fail(
        node.op,
        [tensor, gradient],
        "its gradient rule gives another shape or type than its input has: a bug in the op"
      )
    }
  })
  return inputs
}
