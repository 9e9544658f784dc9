import { axisOf } from "../Broadcast.ts"
import { emit, fail, scalar, type Tensor } from "../Graph.ts"

/** Running sums along an axis; `reverse` sums from the back, `exclusive` leaves each position's own value out. */
export const cumSum = (
  x: Tensor,
  axis: number,
  options: { readonly exclusive?: boolean; readonly reverse?: boolean } = {}
): Tensor => {
  const at = axisOf("cumSum", x, axis)
  const { exclusive = false, reverse = false } = options
  return emit({
    op: "CumSum",
    inputs: [x, scalar(x.graph, "int64", at, "shape")],
    attributes: { exclusive: { int: exclusive ? 1 : 0 }, reverse: { int: reverse ? 1 : 0 } },
    dtype: x.dtype,
    shape: x.shape,
    gradient: (dy) => [cumSum(dy, at, { exclusive, reverse: !reverse })]
  })
}

/**
 * The upper or lower triangle of the last two axes, zeros elsewhere. `diagonal` moves its edge: above the main
 * diagonal when positive.
 */
export const triangle = (x: Tensor, side: "upper" | "lower", diagonal = 0): Tensor => {
  if (x.shape.length < 2) fail("triangle", [x], "takes a tensor with at least two axes")
  return emit({
    op: "Trilu",
    inputs: [x, scalar(x.graph, "int64", diagonal, "shape")],
    attributes: { upper: { int: side === "upper" ? 1 : 0 } },
    dtype: x.dtype,
    shape: x.shape,
    gradient: (dy) => [triangle(dy, side, diagonal)]
  })
}
