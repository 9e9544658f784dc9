import { broadcastShapes, sameType } from "../Broadcast.ts"
import { type DType, elements } from "../DType.ts"
import { emit, fail, scalar, type Tensor } from "../Graph.ts"
import type { Operand } from "./Arithmetic.ts"
import { sumTo } from "./Reduce.ts"

const compare = (name: string, op: string) => (a: Operand, b: Operand): Tensor => {
  const like = typeof a === "number" ? b : a
  if (typeof like === "number") return fail(name, [], "one operand must be a tensor")
  const inputs = [a, b].map((operand) =>
    typeof operand === "number" ? scalar(like.graph, like.dtype, operand) : operand
  )
  sameType(name, inputs)
  return emit({ op, inputs, dtype: "bool", shape: broadcastShapes(name, inputs) })
}

// Comparisons give bool, through which no gradient flows.
export const equal = compare("equal", "Equal")
export const less = compare("less", "Less")
export const lessOrEqual = compare("lessOrEqual", "LessOrEqual")
export const greater = compare("greater", "Greater")
export const greaterOrEqual = compare("greaterOrEqual", "GreaterOrEqual")

const logical = (name: string, op: string) => (...inputs: ReadonlyArray<Tensor>): Tensor => {
  if (inputs.some((tensor) => tensor.dtype !== "bool")) fail(name, inputs, "takes bool operands")
  return emit({ op, inputs, dtype: "bool", shape: broadcastShapes(name, inputs) })
}

export const and: (a: Tensor, b: Tensor) => Tensor = logical("and", "And")
export const or: (a: Tensor, b: Tensor) => Tensor = logical("or", "Or")
export const not: (x: Tensor) => Tensor = logical("not", "Not")

/** `a` where the condition holds, else `b`; all three broadcast. A number takes the type of the other choice. */
export const where = (condition: Tensor, a: Operand, b: Operand): Tensor => {
  const like = typeof a === "number" ? b : a
  if (typeof like === "number") return fail("where", [condition], "one choice must be a tensor")
  if (condition.dtype !== "bool") fail("where", [condition], "the condition must be bool")
  const choice = (operand: Operand) => typeof operand === "number" ? scalar(like.graph, like.dtype, operand) : operand
  const [x, y] = [choice(a), choice(b)]
  sameType("where", [x, y])
  return emit({
    op: "Where",
    inputs: [condition, x, y],
    dtype: like.dtype,
    shape: broadcastShapes("where", [condition, x, y]),
    gradient: (dy) => [
      undefined,
      sumTo(where(condition, dy, 0), x.shape),
      sumTo(where(condition, 0, dy), y.shape)
    ]
  })
}

/** The same values in another type: floats to integers truncate, bool becomes 0 or 1. */
export const cast = (x: Tensor, dtype: DType): Tensor =>
  x.dtype === dtype ? x : emit({
    op: "Cast",
    inputs: [x],
    attributes: { to: { int: elements[dtype].code } },
    dtype,
    shape: x.shape,
    gradient: (dy) => [cast(dy, x.dtype)]
  })
