import { broadcastShapes, sameType } from "../Broadcast.ts"
import { sameShape } from "../Dimension.ts"
import { isFloating } from "../DType.ts"
import { emit, fail, scalar, type Tensor } from "../Graph.ts"
import { cast, equal, greater, less, where } from "./Logic.ts"
import { sumTo } from "./Reduce.ts"

/** An operand of an elementwise op: a number stands for a constant of the other operand's type. */
export type Operand = Tensor | number

const operands = (op: string, a: Operand, b: Operand): readonly [Tensor, Tensor] => {
  if (typeof a !== "number") return [a, typeof b === "number" ? scalar(a.graph, a.dtype, b) : b]
  if (typeof b !== "number") return [scalar(b.graph, b.dtype, a), b]
  return fail(op, [], "one operand must be a tensor")
}

/** What was expanded only to the other operand's shape, as gradients of sums are, is read unexpanded: it broadcasts. */
const unexpanded = (x: Tensor, other: Tensor): Tensor =>
  x.producer?.op === "Expand" && other.producer?.op !== "Expand" && sameShape(x.shape, other.shape)
    ? x.producer.inputs[0] ?? x
    : x

/** An elementwise op of two operands, broadcast against each other; the gradient sums over what was broadcast. */
const binary = (
  name: string,
  op: string,
  gradient: (dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [Tensor | undefined, Tensor | undefined]
) =>
(left: Operand, right: Operand): Tensor => {
  const [expandedA, expandedB] = operands(name, left, right)
  const [a, b] = [unexpanded(expandedA, expandedB), unexpanded(expandedB, expandedA)]
  sameType(name, [a, b])
  const shape = broadcastShapes(name, [a, b])
  const y: Tensor = emit({
    op,
    inputs: [a, b],
    dtype: a.dtype,
    shape,
    gradient: (dy) => {
      const [da, db] = gradient(dy, a, b, y)
      return [da && sumTo(da, a.shape), db && sumTo(db, b.shape)]
    }
  })
  return y
}

export const add = binary("add", "Add", (dy) => [dy, dy])
export const sub = binary("sub", "Sub", (dy) => [dy, neg(dy)])
export const mul = binary("mul", "Mul", (dy, a, b) => [mul(dy, b), mul(dy, a)])
export const div = binary("div", "Div", (dy, _a, b, y) => [div(dy, b), neg(div(mul(dy, y), b))])

/** a^b. The gradient for `b` is taken as 0 where `a` is not positive, as there log a has no value. */
export const pow = binary("pow", "Pow", (dy, a, b, y) => [
  mul(dy, mul(b, pow(a, sub(b, 1)))),
  mul(dy, where(greater(a, 0), mul(y, log(where(greater(a, 0), a, 1))), 0))
])

/** The larger of two. Where they are equal the gradient goes to both, half each. */
export const maximum = binary("maximum", "Max", (dy, a, b) => [mul(dy, share(a, b)), mul(dy, share(b, a))])
/** The smaller of two. Where they are equal the gradient goes to both, half each. */
export const minimum = binary("minimum", "Min", (dy, a, b) => [mul(dy, share(b, a)), mul(dy, share(a, b))])

/** 1 where a > b, one half where they are equal, 0 elsewhere. */
const share = (a: Tensor, b: Tensor): Tensor => add(cast(greater(a, b), a.dtype), mul(cast(equal(a, b), a.dtype), 0.5))

/** The remainder of a / b for integers, with the sign of `b`. */
export const mod = (left: Operand, right: Operand): Tensor => {
  const [a, b] = operands("mod", left, right)
  sameType("mod", [a, b])
  if (isFloating(a.dtype)) fail("mod", [a, b], "takes integers")
  return emit({ op: "Mod", inputs: [a, b], dtype: a.dtype, shape: broadcastShapes("mod", [a, b]) })
}

/** An elementwise function of one operand. */
const unary =
  (op: string, gradient: (dy: Tensor, x: Tensor, y: Tensor) => Tensor | undefined) => (x: Tensor): Tensor => {
    const y: Tensor = emit({
      op,
      inputs: [x],
      dtype: x.dtype,
      shape: x.shape,
      gradient: (dy) => [gradient(dy, x, y)]
    })
    return y
  }

export const neg = unary("Neg", (dy) => neg(dy))
export const abs = unary("Abs", (dy, x) => mul(dy, sign(x)))
export const exp = unary("Exp", (dy, _x, y) => mul(dy, y))
export const log = unary("Log", (dy, x) => div(dy, x))
export const sqrt = unary("Sqrt", (dy, _x, y) => div(mul(dy, 0.5), y))
export const reciprocal = unary("Reciprocal", (dy, _x, y) => neg(mul(dy, square(y))))
export const sin = unary("Sin", (dy, x) => mul(dy, cos(x)))
export const cos = unary("Cos", (dy, x) => neg(mul(dy, sin(x))))
export const tanh = unary("Tanh", (dy, _x, y) => mul(dy, sub(1, square(y))))
/** 1 / (1 + e^-x) */
export const sigmoid = unary("Sigmoid", (dy, _x, y) => mul(dy, mul(y, sub(1, y))))
/** log(1 + e^x) */
export const softplus = unary("Softplus", (dy, x) => mul(dy, sigmoid(x)))
export const relu = unary("Relu", (dy, x) => mul(dy, cast(greater(x, 0), x.dtype)))
/** The error function; its derivative is 2/sqrt(pi) e^(-x^2). */
export const erf = unary("Erf", (dy, x) => mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))))
/** -1, 0 or 1. Its gradient is 0 everywhere. */
export const sign = unary("Sign", () => undefined)
export const floor = unary("Floor", () => undefined)
export const ceil = unary("Ceil", () => undefined)
/** To the nearest integer, halves to even. */
export const round = unary("Round", () => undefined)

/** The same values, through which no gradient flows. */
export const stopGradient = unary("Identity", () => undefined)
/** The same values under a name of their own. */
export const identity = unary("Identity", (dy) => dy)

export const square = (x: Tensor): Tensor => mul(x, x)

/**
 * x sigmoid(x), the activation of Llama's MLP.
 *
 *     d/dx = s (1 + x (1 - s)) = s + y (1 - s)   with s = sigmoid(x), y = x s
 */
export const silu = (x: Tensor): Tensor => {
  const s = sigmoid(x)
  const y: Tensor = emit({
    op: "Mul",
    inputs: [x, s],
    dtype: x.dtype,
    shape: x.shape,
    differentiable: [x],
    gradient: (dy) => [mul(dy, add(s, mul(y, sub(1, s))))]
  })
  return y
}

/** x Phi(x) with the normal distribution function Phi, the exact GELU. */
export const gelu = (x: Tensor): Tensor => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1))

/** Limits values to [low, high]. No gradient flows where it limits. */
export const clip = (x: Tensor, low: number, high: number): Tensor =>
  emit({
    op: "Clip",
    inputs: [x, scalar(x.graph, x.dtype, low), scalar(x.graph, x.dtype, high)],
    dtype: x.dtype,
    shape: x.shape,
    gradient: (dy) => [where(less(x, low), 0, where(less(high, x), 0, dy))]
  })

/** Whether values are finite numbers: bool, false for NaN and infinities. */
export const isFinite = (x: Tensor): Tensor => less(abs(x), Infinity)
