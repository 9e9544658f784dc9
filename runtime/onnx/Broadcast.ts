import { type Dim, printShape, type Shape } from "./Dimension.ts"
import { fail, type Tensor } from "./Graph.ts"

/**
 * The shape of an elementwise result (ONNX and NumPy broadcasting). Two dimensions must be equal or one of them the
 * number 1: two different symbols are refused even if they might agree at run time, because a gradient has to know now
 * which axes to sum over. `assume` states what the builder cannot see.
 */
export const broadcastShapes = (op: string, operands: ReadonlyArray<Tensor>): Shape =>
  operands.map((tensor) => tensor.shape).reduce((a, b) => {
    const rank = Math.max(a.length, b.length)
    return Array.from({ length: rank }, (_, axis) => {
      const left = a[axis - rank + a.length] ?? 1
      const right = b[axis - rank + b.length] ?? 1
      if (left === right || right === 1) return left
      if (left === 1) return right
      return fail(op, operands, `cannot broadcast ${printShape(a)} with ${printShape(b)}: ${difference(left, right)}`)
    })
  })

const difference = (left: Dim, right: Dim): string =>
  typeof left === "number" && typeof right === "number"
    ? `${left} is not ${right}`
    : `${left} and ${right} are not known to be equal (assume() states that they are)`

/** An axis counted from the front; negative ones count from the back. */
export const axisOf = (op: string, tensor: Tensor, axis: number): number => {
  const rank = tensor.shape.length
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) fail(op, [tensor], `there is no axis ${axis}`)
  return axis < 0 ? axis + rank : axis
}

export const dimAt = (tensor: Tensor, axis: number): Dim =>
  tensor.shape.at(axis) ?? fail("shape", [tensor], `there is no axis ${axis}`)

export const sameType = (op: string, operands: ReadonlyArray<Tensor>): void => {
  if (operands.some((tensor) => tensor.dtype !== operands[0]?.dtype)) {
    fail(op, operands, "operands differ in type; use cast")
  }
}
