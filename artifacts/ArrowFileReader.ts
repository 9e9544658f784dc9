/**
 * Reads columns out of an Arrow file that ArrowFileWriter.ts wrote, by the positions of their buffers. Arrow's own headers
 * are not read: Arrow JS may fail in any way on altered ones, or not end.
 */
import * as Arrow from "apache-arrow"
import { createHash } from "node:crypto"
import type { FileHandle } from "node:fs/promises"
import type { Chunk } from "./ArrowChunk.ts"
import { bufferRanges } from "./ArrowFileWriter.ts"
import { arrowType } from "./ArrowSchema.ts"
import type * as Column from "./Column.ts"
import type { BatchLayout, TableLayout } from "./TableLayout.ts"

/** A file's bytes by position. */
export interface Source {
  readonly stat: () => Promise<{ readonly size: number }>
  readonly read: (
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number
  ) => Promise<{ readonly bytesRead: number }>
}

/** The bytes of a small file, read at once. */
export const sourceOf = (bytes: Uint8Array): Source => ({
  stat: () => Promise.resolve({ size: bytes.length }),
  read: (buffer, offset, length, position) => {
    const piece = bytes.subarray(position, position + length)
    buffer.set(piece, offset)
    return Promise.resolve({ bytesRead: piece.length })
  }
})

/** A layout that its file does not bear out. */
export class BadLayout extends Error {}

/**
 * The Arrow data of some columns, a batch's chunks in the order of `names`. The bytes are read into buffers of their own,
 * columns that stand together with one call, and nothing of the other columns is.
 *
 * @throws BadLayout where the layout leads outside the file or misdescribes a column.
 */
export const readColumns = async (
  handle: Source,
  layout: TableLayout,
  columns: Column.Fields,
  names: ReadonlyArray<string>
): Promise<ReadonlyArray<ReadonlyArray<Chunk>>> => {
  const wanted = names.map((name) => layout.columns.findIndex((column) => column.name === name))
  const { size } = await handle.stat()
  const chunksOf = async (batch: BatchLayout): Promise<ReadonlyArray<Chunk>> => {
    const bytes = await readRuns(handle, size, batch, new Set(wanted))
    return wanted.map((position, index) => {
      const described = batch.columns[position]
      const column = columns[names[index] ?? ""]
      if (described === undefined || column === undefined) throw new BadLayout("a batch lacks a column")
      const chunk = chunkOf(column, new Parts(described, bytes))
      if (chunk.length !== batch.rows) throw new BadLayout("a column has not as many values as its batch")
      return chunk
    })
  }
  const batches: Array<ReadonlyArray<Chunk>> = []
  for (let at = 0; at < layout.batches.length; at += atOnce) {
    batches.push(...await Promise.all(layout.batches.slice(at, at + atOnce).map(chunksOf)))
  }
  return batches
}

/** Batches read at once: as many as Node has threads for it. */
const atOnce = 4

/** Bytes of the file, from one position on. */
interface Run {
  readonly start: number
  readonly bytes: Uint8Array
}

/** The bytes of the wanted columns of a batch: where columns stand next to each other, read together. */
const readRuns = async (handle: Source, size: number, batch: BatchLayout, wanted: ReadonlySet<number>) => {
  const runs: Array<{ start: number; end: number; column: number }> = []
  for (const [column, described] of batch.columns.entries()) {
    if (!wanted.has(column)) continue
    const ranges = bufferRanges({ rows: batch.rows, columns: [described] })
    const [first] = ranges
    if (first === undefined) continue
    const end = ranges.reduce((most, range) => Math.max(most, range.end), 0)
    const last = runs.at(-1)
    if (last !== undefined && last.column === column - 1 && last.end <= first.start && last.end + 64 > first.start) {
      last.end = end
      last.column = column
    } else runs.push({ start: first.start, end, column })
  }
  return await Promise.all(runs.map(async ({ end, start }): Promise<Run> => ({
    start,
    bytes: await readRange(handle, size, start, end)
  })))
}

/** A range of a file, in a buffer of its own; its first byte is as aligned as the file's is. */
const readRange = async (handle: Source, size: number, start: number, end: number): Promise<Uint8Array> => {
  if (start % 8 !== 0 || end < start || end > size) throw new BadLayout("a buffer lies outside the file")
  // Memory that nobody has written yet, since every byte of it is about to be.
  const buffer = Buffer.allocUnsafeSlow(end - start)
  let done = 0
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, Math.min(buffer.length - done, 2 ** 30), start + done)
    if (bytesRead === 0) throw new BadLayout("the file ends too early")
    done += bytesRead
  }
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}

/** Takes a column's nodes and buffers one after the other. */
class Parts {
  readonly #described: BatchLayout["columns"][number]
  readonly #runs: ReadonlyArray<Run>
  #node = 0
  #buffer = 0

  constructor(described: BatchLayout["columns"][number], runs: ReadonlyArray<Run>) {
    this.#described = described
    this.#runs = runs
  }

  node(): { readonly length: number; readonly nullCount: number } {
    const length = this.#described.nodes[this.#node++]
    const nullCount = this.#described.nodes[this.#node++]
    if (length === undefined || nullCount === undefined) throw new BadLayout("a column lacks a node")
    return { length, nullCount }
  }

  buffer(): Uint8Array {
    const start = this.#described.buffers[this.#buffer++]
    const bytes = this.#described.buffers[this.#buffer++]
    if (start === undefined || bytes === undefined) throw new BadLayout("a column lacks a buffer")
    if (bytes === 0) return new Uint8Array(0)
    const run = this.#runs.find((run) => start >= run.start && start + bytes <= run.start + run.bytes.length)
    if (run === undefined) throw new BadLayout("a buffer lies outside its column")
    return run.bytes.subarray(start - run.start, start - run.start + bytes)
  }

  /** The next buffer as numbers of `size` bytes. */
  numbers<A>(make: (buffer: ArrayBufferLike, start: number, count: number) => A, size: number): A {
    const bytes = this.buffer()
    if (bytes.length % size !== 0 || bytes.byteOffset % size !== 0) {
      throw new BadLayout("a buffer is cut within a value")
    }
    return make(bytes.buffer, bytes.byteOffset, bytes.length / size)
  }
}

const int32 = (buffer: ArrayBufferLike, start: number, count: number) => new Int32Array(buffer, start, count)
const float32 = (buffer: ArrayBufferLike, start: number, count: number) => new Float32Array(buffer, start, count)
const float64 = (buffer: ArrayBufferLike, start: number, count: number) => new Float64Array(buffer, start, count)

const chunkOf = (column: Column.Any, parts: Parts): Chunk => {
  const { length, nullCount } = parts.node()
  const nullBitmap = parts.buffer()
  const common = { length, nullCount, ...(nullCount > 0 ? { nullBitmap } : {}) }
  switch (column.kind) {
    case "int32":
      return Arrow.makeData({ type: new Arrow.Int32(), ...common, data: parts.numbers(int32, 4) })
    case "float32":
      return Arrow.makeData({ type: new Arrow.Float32(), ...common, data: parts.numbers(float32, 4) })
    case "float64":
      return Arrow.makeData({ type: new Arrow.Float64(), ...common, data: parts.numbers(float64, 8) })
    case "bool":
      return Arrow.makeData({ type: new Arrow.Bool(), ...common, data: parts.buffer() })
    case "utf8":
    case "digest": {
      const valueOffsets = parts.numbers(int32, 4)
      return Arrow.makeData({ type: new Arrow.Utf8(), ...common, valueOffsets, data: parts.buffer() })
    }
    case "list": {
      const valueOffsets = parts.numbers(int32, 4)
      const type = arrowType(column)
      if (!Arrow.DataType.isList(type)) throw new BadLayout("a list is stored as none")
      return Arrow.makeData({ type, ...common, valueOffsets, child: chunkOf(column.of, parts) })
    }
    case "struct": {
      const type = arrowType(column)
      if (!Arrow.DataType.isStruct(type)) throw new BadLayout("a struct is stored as none")
      const children = Object.values(column.fields).map((field) => chunkOf(field, parts))
      return Arrow.makeData({ type, ...common, children })
    }
  }
}

/** SHA-256 of the bytes of a file that belong to no column. */
export const hashFrame = async (handle: FileHandle, layout: TableLayout, bytes: number): Promise<string> => {
  const hash = createHash("sha256")
  let position = 0
  const upTo = async (end: number) => {
    while (position < end) {
      const piece = Buffer.allocUnsafe(Math.min(end - position, 2 ** 20))
      const { bytesRead } = await handle.read(piece, 0, piece.length, position)
      if (bytesRead === 0) throw new BadLayout("the file ends too early")
      hash.update(piece.subarray(0, bytesRead))
      position += bytesRead
    }
  }
  for (const { end, start } of layout.batches.flatMap(bufferRanges).toSorted((a, b) => a.start - b.start)) {
    await upTo(start)
    position = Math.max(position, end)
  }
  await upTo(bytes)
  return hash.digest("hex")
}
