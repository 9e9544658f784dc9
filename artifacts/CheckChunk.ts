/** What must hold of a chunk of Arrow data before it is read: a file from outside may claim anything. */
import { isUtf8 } from "node:buffer"
import { bytes, child, type Chunk, hasNulls, isNull, numbers, offsets } from "./ArrowChunk.ts"
import type * as Column from "./Column.ts"
import { UnexpectedValue } from "./TableMismatch.ts"

/** The first thing wrong with a chunk: where in it, and what. */
export interface ChunkFault {
  /** Index in the chunk, when one value is to blame. */
  readonly index?: number
  readonly fault: UnexpectedValue
}

const fault = (expected: string, found: string, index?: number): ChunkFault => ({
  ...(index === undefined ? {} : { index }),
  fault: new UnexpectedValue("", expected, found)
})

/**
 * Checks buffers' lengths, offsets, text encoding, and nulls against the column. Where `outerNull` holds, the
 * value belongs to nothing (a null struct around it, say), so that a null there is not one of the column's.
 */
export const checkChunk = (
  column: Column.Any,
  chunk: Chunk,
  outerNull: (index: number) => boolean = () => false
): ChunkFault | undefined => {
  const bitmapBits = (chunk.nullBitmap?.byteLength ?? 0) * 8
  if (hasNulls(chunk) && bitmapBits < chunk.offset + chunk.length) {
    return fault(`${chunk.length} validity bits`, `${bitmapBits}`)
  }
  if (!column.nullable && hasNulls(chunk)) {
    for (let index = 0; index < chunk.length; index++) {
      if (isNull(chunk, index) && !outerNull(index)) return fault("a value", "null", index)
    }
  }
  switch (column.kind) {
    case "int32":
    case "float32":
    case "float64": {
      const count = numbers(chunk).length
      return count < chunk.length ? fault(`${chunk.length} values`, `${count}`) : undefined
    }
    case "bool": {
      const count = bytes(chunk).length * 8 - chunk.offset
      return count < chunk.length ? fault(`${chunk.length} values`, `${count}`) : undefined
    }
    case "utf8":
    case "digest":
      return checkOffsets(chunk, bytes(chunk).length) ?? checkText(chunk)
    case "list":
      return checkOffsets(chunk, child(chunk, 0).length) ?? checkItems(column.of, chunk)
    case "struct":
      return checkStruct(column.fields, chunk, outerNull)
  }
}

const checkOffsets = (chunk: Chunk, end: number): ChunkFault | undefined => {
  const starts = offsets(chunk)
  if (starts.length < chunk.length + 1) return fault(`${chunk.length + 1} offsets`, `${starts.length}`)
  let last = 0
  for (let index = 0; index <= chunk.length; index++) {
    const start = starts[index] ?? -1
    if (start < last || start > end) return fault(`an offset from ${last} to ${end}`, `${start}`, index)
    last = start
  }
  return undefined
}

const checkText = (chunk: Chunk): ChunkFault | undefined => {
  const starts = offsets(chunk)
  const text = bytes(chunk)
  if (!hasNulls(chunk) && isUtf8(text.subarray(starts[0], starts[chunk.length]))) {
    // All of it is UTF-8; each value is when none starts in the middle of a character.
    for (let index = 1; index < chunk.length; index++) {
      const start = starts[index] ?? 0
      if (start < (starts[chunk.length] ?? 0) && ((text[start] ?? 0) & 0xc0) === 0x80) return notUtf8(index)
    }
    return undefined
  }
  for (let index = 0; index < chunk.length; index++) {
    const absent = hasNulls(chunk) && isNull(chunk, index)
    if (!absent && !isUtf8(text.subarray(starts[index], starts[index + 1]))) return notUtf8(index)
  }
  return undefined
}

const notUtf8 = (index: number): ChunkFault => fault("text in UTF-8", "other bytes", index)

/** A list's items that no list of the chunk holds, or only a null one, are never read and may be anything. */
const checkItems = (of: Column.Any, chunk: Chunk): ChunkFault | undefined => {
  let rowOfItem: Int32Array | undefined
  const rowOf = (item: number) => (rowOfItem ??= rowsOfItems(chunk))[item] ?? -1
  const found = checkChunk(of, child(chunk, 0), (item) => rowOf(item) < 0)
  if (found?.index === undefined) return found
  const row = rowOf(found.index)
  if (row < 0) return { fault: found.fault.within("[]") }
  return { index: row, fault: found.fault.within(`[${found.index - (offsets(chunk)[row] ?? 0)}]`) }
}

/** For each item of a list chunk, the row whose list holds it, or -1. */
const rowsOfItems = (chunk: Chunk): Int32Array => {
  const rows = new Int32Array(child(chunk, 0).length).fill(-1)
  const starts = offsets(chunk)
  for (let row = 0; row < chunk.length; row++) {
    if (!hasNulls(chunk) || !isNull(chunk, row)) rows.fill(row, starts[row], starts[row + 1])
  }
  return rows
}

const checkStruct = (
  fields: Column.Fields,
  chunk: Chunk,
  outerNull: (index: number) => boolean
): ChunkFault | undefined => {
  const isAbsent = hasNulls(chunk) ? (index: number) => outerNull(index) || isNull(chunk, index) : outerNull
  for (const [position, [name, field]] of Object.entries(fields).entries()) {
    const values = child(chunk, position)
    if (values.length < chunk.length) return fault(`${chunk.length} values`, `${values.length}`)
    const found = checkChunk(field, values, isAbsent)
    if (found !== undefined) return { ...found, fault: found.fault.within(`.${name}`) }
  }
  return undefined
}
