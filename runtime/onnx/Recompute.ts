import { isFloating } from "./DType.ts"
import { pullback } from "./Gradient.ts"
import { emit, fail, type Tensor } from "./Graph.ts"
import { loop } from "./ops/Control.ts"
import { scope } from "./Scope.ts"

/**
 * A part of a program whose inner values are not kept for the backward pass but computed again when its gradient
 * arrives: memory for one more forward pass (Chen et al. 2016, gradient checkpointing). Values and gradients are those
 * of `build` itself, for its inputs and for everything it reads from around it, weights above all.
 *
 * The second computation stands in the body of a Loop of one trip that reads the arriving gradient. So onnxruntime
 * cannot start it earlier, nor find that the first had computed the same, and frees its values when the body ends.
 * What depends only on tensors that are not differentiated by (frozen weights, masks) stays outside, shared by both.
 * Gradients of such gradients do not exist.
 *
 * @param inputs what `build` starts from, kept from the forward pass
 * @param build called once, and once more where a gradient is taken
 */
export const recompute = <const Inputs extends ReadonlyArray<Tensor>>(
  inputs: Inputs,
  build: (inputs: Inputs) => Tensor
): Tensor => {
  const [first] = inputs
  if (first === undefined) return fail("recompute", [], "needs an input")
  const begin = first.graph.root.created
  const y = build(inputs)
  const sources = [...new Set([...inputs.filter(({ dtype }) => isFloating(dtype)), ...readBefore(y, begin)])]
  return emit({
    op: "Identity",
    inputs: [y],
    dtype: y.dtype,
    shape: y.shape,
    differentiable: sources,
    gradient: (dy, needed) => {
      const wrt = sources.filter((_, index) => needed[index])
      const { state } = loop({
        name: "recompute",
        trips: 1,
        held: [...inputs, ...wrt],
        // A gradient has the type and shape of its tensor, which serves as the value that the one trip replaces.
        state: Object.fromEntries(wrt.map((tensor, index) => [`${index}`, tensor])),
        body: () => {
          const again = scope("recompute", () => build(inputs))
          const gradients = pullback(again, dy, wrt, new Set(sources))
          return { state: Object.fromEntries(gradients.map((gradient, index) => [`${index}`, gradient])) }
        }
      })
      return sources.map((source) => state[`${wrt.indexOf(source)}`])
    }
  })
}

/** The floating tensors made before a moment that a tensor made after it is differentiated by. */
const readBefore = (y: Tensor, begin: number): ReadonlySet<Tensor> => {
  const found = new Set<Tensor>()
  const seen = new Set<Tensor>()
  const pending = [y]
  for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
    if (seen.has(tensor)) continue
    seen.add(tensor)
    if (tensor.producer !== undefined && tensor.producer.order >= begin) {
      pending.push(...tensor.producer.differentiable.filter((source) => source !== undefined))
    } else if (isFloating(tensor.dtype)) found.add(tensor)
  }
  return found
}
