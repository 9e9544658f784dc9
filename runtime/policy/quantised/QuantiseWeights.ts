/**
 * Round-to-nearest quantisation in blocks along the rows of a matrix, to the layout that onnxruntime's MatMulNBits reads
 * (QuantisedMatrix in onnx/ops/Quantised.ts). Rows are independent, so a matrix of any size goes through in pieces.
 */
import * as Result from "effect/Result"
import { convertWeights, type WeightType } from "../checkpoint/WeightType.ts"

export interface Quantisation {
  readonly bits: 4 | 8
  /** Weights that share a scale. */
  readonly blockSize: 32 | 64 | 128
  /** Without zero points: the range of a block is symmetric around 0. */
  readonly symmetric: boolean
  /** The type of the scales, which is the type that the matrix is multiplied in. */
  readonly scales: WeightType
}

/** The shapes of what a matrix [rows, columns] becomes. */
export const quantisedShapes = ({ bits, blockSize }: Quantisation, rows: number, columns: number) => {
  const blocks = Math.ceil(columns / blockSize)
  return {
    packed: [rows, blocks, blockSize * bits / 8],
    scales: [rows, blocks],
    zeroPoints: [rows, Math.ceil(blocks * bits / 8)]
  } as const
}

/** Bytes of rows one after the other. */
export interface QuantisedRows {
  readonly packed: Uint8Array<ArrayBuffer>
  readonly scales: Uint8Array<ArrayBuffer>
  /** Only where quantisation is not symmetric. */
  readonly zeroPoints: Uint8Array<ArrayBuffer> | undefined
}

/**
 * Quantises whole rows of `columns` float32 weights. Symmetric, a block's weight m of largest size maps to the lowest
 * number; else the block's range, widened to hold 0, maps to all numbers:
 *
 *     symmetric   s = m / -2^(bits-1)              z = 2^(bits-1)
 *     else        s = (max - min) / (2^bits - 1)   z = round(-min / s)
 *     q = round(w / s) + z, limited to [0, 2^bits - 1]
 *
 * with s rounded to the type of the scales first. w differs from s (q - z) by at most s/2; where the rounding of z or
 * the shorter side of the symmetric range limits q, by at most s.
 *
 * @returns the bytes, or the first weight or scale that no number stands for.
 */
export const quantiseRows = (
  weights: Float32Array<ArrayBuffer>,
  columns: number,
  quantisation: Quantisation
): Result.Result<QuantisedRows, number> => {
  const { bits, blockSize, symmetric } = quantisation
  if (!Number.isInteger(weights.length / columns)) {
    throw new RangeError(`rows have ${columns} weights, not ${weights.length}`)
  }
  // A loop rather than find, which takes several times as long.
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] ?? 0
    if (!Number.isFinite(weight)) return Result.fail(weight)
  }
  const rows = weights.length / columns
  const shapes = quantisedShapes(quantisation, rows, columns)
  const exact = exactScales(weights, columns, quantisation)
  const bytes = new Uint8Array(exact.buffer)
  return Result.map(convertWeights("float32", quantisation.scales, bytes), (scales) => {
    const rounded = Result.getOrThrow(convertWeights(quantisation.scales, "float32", scales))
    const scaleOf = new Float32Array(rounded.buffer, rounded.byteOffset, exact.length)
    const packed = new Uint8Array(sizeOf(shapes.packed))
    const zeroPoints = new Uint8Array(sizeOf(shapes.zeroPoints))
    const [middle, top] = [2 ** (bits - 1), 2 ** bits - 1]
    forEachBlock(rows, columns, blockSize, (block, row, from, to) => {
      const inverse = scaleOf[block] === 0 ? 0 : 1 / (scaleOf[block] ?? 0)
      const zero = symmetric ? middle : limited(-leastOf(weights, from, to) * inverse, top)
      // A row's zero points begin at a byte.
      put(zeroPoints, bits, row * shapes.zeroPoints[1] * (8 / bits) + block - row * shapes.scales[1], zero)
      const start = block * blockSize
      for (let i = 0; i < to - from; i++) {
        put(packed, bits, start + i, limited((weights[from + i] ?? 0) * inverse + zero, top))
      }
      // What fills up the last block stands for 0.
      for (let i = to - from; i < blockSize; i++) put(packed, bits, start + i, zero)
    })
    return { packed, scales, zeroPoints: symmetric ? undefined : zeroPoints }
  })
}

const exactScales = (
  weights: Float32Array,
  columns: number,
  { bits, blockSize, symmetric }: Quantisation
): Float32Array<ArrayBuffer> => {
  const rows = weights.length / columns
  const scales = new Float32Array(rows * Math.ceil(columns / blockSize))
  forEachBlock(rows, columns, blockSize, (block, _row, from, to) => {
    const [least, most] = [leastOf(weights, from, to), mostOf(weights, from, to)]
    const largest = -least > most ? least : most
    scales[block] = symmetric ? largest / -(2 ** (bits - 1)) : (most - least) / (2 ** bits - 1)
  })
  return scales
}

const forEachBlock = (
  rows: number,
  columns: number,
  blockSize: number,
  visit: (block: number, row: number, from: number, to: number) => void
): void => {
  let block = 0
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += blockSize) {
      visit(block++, row, row * columns + column, row * columns + Math.min(column + blockSize, columns))
    }
  }
}

/** The smallest weight of a block, 0 at most. */
const leastOf = (weights: Float32Array, from: number, to: number): number => {
  let least = 0
  for (let i = from; i < to; i++) {
    const weight = weights[i] ?? 0
    if (weight < least) least = weight
  }
  return least
}

/** The largest weight of a block, 0 at least. */
const mostOf = (weights: Float32Array, from: number, to: number): number => {
  let most = 0
  for (let i = from; i < to; i++) {
    const weight = weights[i] ?? 0
    if (weight > most) most = weight
  }
  return most
}

/** The nearest whole number from 0 to `top`. */
const limited = (value: number, top: number): number => value <= 0 ? 0 : value >= top ? top : (value + 0.5) | 0

/** Writes the number at an index into bytes that hold one or two numbers each. */
const put = (bytes: Uint8Array, bits: 4 | 8, index: number, value: number): void => {
  if (bits === 8) bytes[index] = value
  else bytes[index >> 1] = (bytes[index >> 1] ?? 0) | value << 4 * (index & 1)
}

const sizeOf = (dims: ReadonlyArray<number>): number => dims.reduce((a, b) => a * b, 1)
