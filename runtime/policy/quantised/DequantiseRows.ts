import type { Quantisation, QuantisedRows } from "./QuantiseWeights.ts"

/** w = s (q - z) of rows of `columns` weights, in float32. */
export const dequantiseRows = (
  { packed, zeroPoints }: Pick<QuantisedRows, "packed" | "zeroPoints">,
  scales: Float32Array,
  columns: number,
  { bits, blockSize }: Quantisation
): Float32Array => {
  const blocks = Math.ceil(columns / blockSize)
  const rows = scales.length / blocks
  const zeroBytes = Math.ceil(blocks * bits / 8)
  const middle = 2 ** (bits - 1)
  const weights = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const inRow = Math.floor(column / blockSize)
      const block = row * blocks + inRow
      // A row's zero points begin at a byte.
      const zero = zeroPoints === undefined ? middle : numberAt(zeroPoints, bits, row * zeroBytes * (8 / bits) + inRow)
      const number = numberAt(packed, bits, block * blockSize + column % blockSize)
      weights[row * columns + column] = (scales[block] ?? 0) * (number - zero)
    }
  }
  return weights
}

/** The number at an index of bytes that hold one or two each. */
const numberAt = (bytes: Uint8Array, bits: 4 | 8, index: number): number =>
  bits === 8 ? bytes[index] ?? 0 : (bytes[index >> 1] ?? 0) >> 4 * (index & 1) & 15
