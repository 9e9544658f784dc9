import { dimAt, sameType } from "../Broadcast.ts"
import { type Dim, printShape, sameShape } from "../Dimension.ts"
import { emit, fail, type Tensor } from "../Graph.ts"
import { add, mul } from "./Arithmetic.ts"
import { loop } from "./Control.ts"
import { range, zeros } from "./Fill.ts"
import { gather } from "./Index.ts"
import { slice } from "./Join.ts"
import { flatten, reshape, transpose } from "./Layout.ts"
import { cast } from "./Logic.ts"
import { gemm } from "./MatMul.ts"
import { wide, wideType } from "./Precision.ts"

/**
 * A matrix [out, in] of whole numbers in blocks along each row: w = scale (q - zeroPoint), with a scale and a zero point
 * per block. The layout is that of onnxruntime's MatMulNBits; of two 4-bit numbers in a byte the first is the lower.
 */
export interface QuantisedMatrix {
  readonly bits: 4 | 8
  readonly blockSize: number
  /** `in`; the last block of a row may be filled up beyond it. */
  readonly columns: number
  /** uint8 [out, blocks, blockSize * bits / 8] */
  readonly packed: Tensor
  /** [out, blocks], of the type that the matrix is multiplied in. */
  readonly scales: Tensor
  /** uint8 [out, bytes], packed like the numbers; the middle of the range, 8 or 128, when left out. */
  readonly zeroPoints?: Tensor | undefined
}

export interface NBitsOptions {
  /** Multiply in 8 bits, x rounded block by block to 1 in 254 of its largest: far faster on CPU for a few rows. */
  readonly roundInputs?: boolean
  /** Bytes that the rows dequantised at a time may take in the backward pass. 32 MB. */
  readonly budget?: number
}

/**
 * x W^T for x [..., in] and a quantised W: [..., out], dequantised as it is read, block by block.
 *
 *     dx = dy W
 *
 * with W dequantised some rows at a time, in a Loop that reads dy: what could be computed ahead of dy onnxruntime would
 * compute when the session opens, and keep. The matrix itself is not differentiated by.
 */
export const matMulNBits = (x: Tensor, matrix: QuantisedMatrix, options: NBitsOptions = {}): Tensor => {
  const { bits, blockSize, columns, packed, scales, zeroPoints } = matrix
  checkLayout(matrix)
  sameType("matMulNBits", [x, scales])
  if (x.shape.at(-1) !== columns) fail("matMulNBits", [x, packed], `takes [..., ${columns}]`)
  const rows = dimAt(packed, 0)
  return emit({
    op: "MatMulNBits",
    domain: "com.microsoft",
    inputs: zeroPoints === undefined ? [x, packed, scales] : [x, packed, scales, zeroPoints],
    attributes: {
      K: { int: columns },
      N: { int: Number(rows) },
      bits: { int: bits },
      block_size: { int: blockSize },
      // Level 1: products in float32. Level 4: in 8 bits.
      accuracy_level: { int: options.roundInputs === true ? 4 : 1 }
    },
    dtype: x.dtype,
    shape: [...x.shape.slice(0, -1), rows],
    differentiable: [x],
    gradient: (
      dy
    ) => [reshape(productWithRows(flatten(dy, 0, dy.shape.length - 1), matrix, options.budget ?? 2 ** 25), x.shape)]
  })
}

/** dy W for dy [n, out]: [n, in], summed over runs of rows of W of one length, and the rows that are left over. */
const productWithRows = (dy: Tensor, matrix: QuantisedMatrix, budget: number): Tensor => {
  const rows = Number(dimAt(matrix.packed, 0))
  const size = Math.ceil(rows / Math.min(rows, Math.ceil(4 * rows * matrix.columns / budget)))
  const none = zeros(dy.graph, wideType(dy.dtype), [dimAt(dy, 0), matrix.columns])
  const even = rows - rows % size
  const sum = addRows(none, slice(dy, 1, 0, even), matrix, 0, even / size)
  return cast(even === rows ? sum : addRows(sum, slice(dy, 1, even), matrix, even, 1), dy.dtype)
}

/** Adds the part of the product that columns of dy stand for, which begin at row `from` of W. */
const addRows = (sum: Tensor, dy: Tensor, matrix: QuantisedMatrix, from: number, trips: number): Tensor => {
  const [n, size] = [dimAt(dy, 0), Number(dimAt(dy, 1)) / trips]
  // Runs along the first axis: a look-up there needs no position on the host.
  const runs = transpose(reshape(dy, [n, trips, size]), [1, 0, 2])
  return loop({
    name: "rows",
    trips,
    state: { sum },
    body: (index, { sum }) => {
      const rows = add(mul(index, size), range(dy.graph, "int64", size))
      const weights = dequantisedRows(matrix, from === 0 ? rows : add(rows, from))
      return { state: { sum: add(sum, wide(gemm(gather(runs, index), weights))) } }
    }
  }).state.sum
}

/** The whole matrix as plain numbers: [out, in]. Of a matrix fixed in the program this is computed when a session opens. */
export const dequantise = (matrix: QuantisedMatrix): Tensor => {
  checkLayout(matrix)
  return plain(matrix, matrix.packed, matrix.scales, matrix.zeroPoints)
}

/** The rows of these indices, int64 [n]. Looked up rather than sliced, as the op below asks for sizes known beforehand. */
const dequantisedRows = (matrix: QuantisedMatrix, rows: Tensor): Tensor => {
  const some = (x: Tensor) => gather(x, rows)
  return plain(matrix, some(matrix.packed), some(matrix.scales), matrix.zeroPoints && some(matrix.zeroPoints))
}

/** Every row looked up by onnxruntime's look-up in quantised tables, which has kernels on CPU and CUDA. */
const plain = (
  { bits, blockSize, columns }: QuantisedMatrix,
  packed: Tensor,
  scales: Tensor,
  zeroPoints: Tensor | undefined
): Tensor => {
  const all = range(packed.graph, "int64", dimAt(packed, 0))
  const table = [flatten(packed, 1), all, scales]
  const looked = emit({
    op: "GatherBlockQuantized",
    domain: "com.microsoft",
    inputs: zeroPoints === undefined ? table : [...table, zeroPoints],
    attributes: {
      gather_axis: { int: 0 },
      quantize_axis: { int: 1 },
      block_size: { int: blockSize },
      bits: { int: bits }
    },
    dtype: scales.dtype,
    shape: [dimAt(packed, 0), Number(dimAt(scales, 1)) * blockSize]
  })
  return slice(looked, 1, 0, columns)
}

const checkLayout = ({ bits, blockSize, columns, packed, scales, zeroPoints }: QuantisedMatrix): void => {
  const rows = dimAt(packed, 0)
  const blocks = Math.ceil(columns / blockSize)
  const expect = (tensor: Tensor, shape: ReadonlyArray<Dim>): void => {
    if (!sameShape(tensor.shape, shape)) fail("matMulNBits", [tensor], `must be ${printShape(shape)}`)
  }
  expect(packed, [rows, blocks, blockSize * bits / 8])
  expect(scales, [rows, blocks])
  if (zeroPoints !== undefined) expect(zeroPoints, [rows, Math.ceil(blocks * bits / 8)])
  if (typeof rows !== "number") fail("matMulNBits", [packed], "must have a known number of rows")
}
