/**
 * Reading one chunk of Arrow data (a record batch's share of a column): the parts of it that are easily got wrong, in one
 * place. Arrow JS slices values and list offsets when it slices a chunk, but leaves bitmaps whole and keeps the offset.
 */
import type * as Arrow from "apache-arrow"

export type Chunk = Arrow.Data

const bit = (bitmap: Uint8Array, index: number): boolean => ((bitmap[index >> 3] ?? 0) & (1 << (index & 7))) !== 0

/** Whether a value of the chunk may be null at all; when false, `isNull` need not be asked. */
export const hasNulls = (chunk: Chunk): boolean => chunk.nullCount > 0

/** Whether the value at an index of the chunk is null; ask only where `hasNulls`. */
export const isNull = (chunk: Chunk, index: number): boolean =>
  chunk.nullBitmap instanceof Uint8Array && !bit(chunk.nullBitmap, chunk.offset + index)

/** The validity bits of a chunk that has nulls, from `chunk.offset` on: 1 where there is a value. */
export const validityOf = (chunk: Chunk): Uint8Array =>
  chunk.nullBitmap instanceof Uint8Array ? chunk.nullBitmap : new Uint8Array(0)

/** The numbers of an int32, float32 or float64 chunk, one per value. A view of the chunk's buffer. */
export const numbers = (chunk: Chunk): Int32Array | Float32Array | Float64Array => {
  const values: unknown = chunk.values
  if (values instanceof Int32Array || values instanceof Float32Array || values instanceof Float64Array) {
    return values.subarray(0, chunk.length)
  }
  if (chunk.length === 0) return new Int32Array(0)
  throw new TypeError("An Arrow chunk of numbers has no values.")
}

/** The bytes of a bool chunk (packed bits) or of a utf8 chunk. */
export const bytes = (chunk: Chunk): Uint8Array => {
  const values: unknown = chunk.values
  return values instanceof Uint8Array ? values : new Uint8Array(0)
}

/** The value of a bool chunk at an index. */
export const bool = (chunk: Chunk, index: number): boolean => bit(bytes(chunk), chunk.offset + index)

const noOffsets = new Int32Array(1)

/** Where each list or text of a chunk starts: one more entry than there are values, the last being the end. */
export const offsets = (chunk: Chunk): Int32Array => {
  const offsets: unknown = chunk.valueOffsets
  // Arrow writers may leave out the offsets of an empty chunk.
  return offsets instanceof Int32Array && offsets.length > 0 ? offsets : noOffsets
}

/** A child of a list or struct chunk. A struct's children are sliced with it; a list's are whole. */
export const child = (chunk: Chunk, index: number): Chunk => {
  const child = chunk.children[index]
  if (child === undefined) throw new TypeError(`An Arrow chunk has no child ${index}.`)
  return child
}
