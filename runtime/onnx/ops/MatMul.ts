import { broadcastShapes, dimAt, sameType } from "../Broadcast.ts"
import { emit, fail, type Tensor } from "../Graph.ts"
import { flatten, reshape, swapAxes } from "./Layout.ts"
import { sumTo } from "./Reduce.ts"

/**
 * Matrix product over the last two axes; the axes before them broadcast.
 *
 *     dA = dY B^T        dB = A^T dY
 */
export const matMul = (a: Tensor, b: Tensor): Tensor => {
  sameType("matMul", [a, b])
  if (a.shape.length < 2 || b.shape.length < 2) fail("matMul", [a, b], "takes tensors with at least two axes")
  if (a.shape.at(-1) !== b.shape.at(-2)) {
    fail("matMul", [a, b], `inner dimensions ${a.shape.at(-1)} and ${b.shape.at(-2)} differ`)
  }
  return emit({
    op: "MatMul",
    inputs: [a, b],
    dtype: a.dtype,
    shape: [...batchShape(a, b), dimAt(a, -2), dimAt(b, -1)],
    gradient: (dy) =>
      b.shape.length === 2
        ? [
          reshape(gemm(rows(dy), b, { transposeB: true }), a.shape),
          // One product over all rows of the batch, rather than one per batch entry and a sum.
          gemm(rows(a), rows(dy), { transposeA: true })
        ]
        : [sumTo(matMul(dy, swapAxes(b, -1, -2)), a.shape), sumTo(matMul(swapAxes(a, -1, -2), dy), b.shape)]
  })
}

/** All axes but the last as one: [..., n] to [rows, n]. */
const rows = (x: Tensor): Tensor => flatten(x, 0, x.shape.length - 1)

const batchShape = (a: Tensor, b: Tensor) => {
  const batch = (tensor: Tensor) => ({ ...tensor, shape: tensor.shape.slice(0, -2) })
  return broadcastShapes("matMul", [batch(a), batch(b)])
}

export interface GemmOptions {
  readonly transposeA?: boolean
  readonly transposeB?: boolean
}

/** A B of two matrices, either of them transposed as it is read. */
export const gemm = (a: Tensor, b: Tensor, options: GemmOptions = {}): Tensor => {
  const { transposeA = false, transposeB = false } = options
  sameType("gemm", [a, b])
  if (a.shape.length !== 2 || b.shape.length !== 2) fail("gemm", [a, b], "takes two matrices")
  const [m, k] = transposeA ? [dimAt(a, 1), dimAt(a, 0)] : [dimAt(a, 0), dimAt(a, 1)]
  const [inner, n] = transposeB ? [dimAt(b, 1), dimAt(b, 0)] : [dimAt(b, 0), dimAt(b, 1)]
  if (k !== inner) fail("gemm", [a, b], `cannot multiply [${m}, ${k}] with [${inner}, ${n}]`)
  return emit({
    op: "Gemm",
    inputs: [a, b],
    attributes: { transA: { int: transposeA ? 1 : 0 }, transB: { int: transposeB ? 1 : 0 } },
    dtype: a.dtype,
    shape: [m, n],
    gradient: (dy) => [
      // dA = dY op(B)^T, transposed when A itself was read transposed.
      transposeA ? gemm(b, dy, { transposeA: transposeB, transposeB: true }) : gemm(dy, b, { transposeB: !transposeB }),
      transposeB ? gemm(dy, a, { transposeA: true, transposeB: transposeA }) : gemm(a, dy, { transposeA: !transposeA })
    ]
  })
}

/** x W^T: a linear layer whose weight is [out, in], as checkpoints store it. */
export const linear = (x: Tensor, weight: Tensor): Tensor =>
  reshape(gemm(rows(x), weight, { transposeB: true }), [...x.shape.slice(0, -1), dimAt(weight, 0)])
