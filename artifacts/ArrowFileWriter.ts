/** Writes tables as Arrow IPC files: uncompressed, buffers aligned, so that any Arrow library can map and use them. */
import * as Arrow from "apache-arrow"
import { createHash } from "node:crypto"
import type * as Column from "./Column.ts"
import type { TableFile } from "./Manifest.ts"
import { storedColumns } from "./StoredColumn.ts"
import type { Table } from "./Table.ts"
import { type BatchLayout, layoutText, type Shape, shapeOf } from "./TableLayout.ts"
import type * as TableType from "./TableType.ts"

/** Where the bytes of a file go, one after the other. */
export interface Sink {
  readonly writeFile: (bytes: Uint8Array) => Promise<void>
}

/** Writes a table, and says where in the file its columns are. */
export const writeArrowFile = async <T extends TableType.Any>(
  handle: Sink,
  table: Table<T>
): Promise<TableFile> => {
  const writer = new LayoutWriter(Object.values(table.type.columns))
  writer.write(table.arrow)
  writer.finish()
  const starts = new Set(writer.batches.flatMap(bufferRanges).map(({ start }) => start))
  const frame = createHash("sha256")
  const file = new GatheringFile(handle)
  for await (const chunk of writer) {
    if (!starts.has(file.position)) frame.update(chunk)
    await file.write(chunk)
  }
  await file.flush()
  const { digest, text } = layoutText({ columns: storedColumns(table.type.columns), batches: writer.batches })
  return { bytes: file.position, frame: frame.digest("hex"), layout: text, layoutDigest: digest }
}

/** The byte ranges of a batch's buffers, without the empty ones. */
export const bufferRanges = (
  batch: BatchLayout
): ReadonlyArray<{ readonly start: number; readonly end: number }> =>
  batch.columns.flatMap(({ buffers }) => {
    const ranges: Array<{ readonly start: number; readonly end: number }> = []
    for (let index = 0; index + 1 < buffers.length; index += 2) {
      const [start = 0, bytes = 0] = [buffers[index], buffers[index + 1]]
      if (bytes > 0) ranges.push({ start, end: start + bytes })
    }
    return ranges
  })

/** What Arrow's writer makes of a batch, before it writes that. */
interface Assembled {
  readonly nodes: ReadonlyArray<{ readonly length: number; readonly nullCount: number }>
  readonly bufferRegions: ReadonlyArray<{ readonly offset: number }>
}

/** Arrow's writer, noting where it puts what. */
class LayoutWriter extends Arrow.RecordBatchFileWriter {
  readonly batches: Array<BatchLayout> = []
  readonly #shapes: ReadonlyArray<Shape>
  #assembled: Assembled = { nodes: [], bufferRegions: [] }
  #rows = 0

  constructor(columns: ReadonlyArray<Column.Any>) {
    super()
    this.#shapes = columns.map(shapeOf)
  }

  protected override _assembleRecordBatch(batch: Arrow.RecordBatch | Arrow.Vector) {
    const assembled = super._assembleRecordBatch(batch)
    this.#assembled = assembled
    this.#rows = batch instanceof Arrow.RecordBatch ? batch.numRows : batch.length
    return assembled
  }

  protected override _writeBodyBuffers(buffers: Array<ArrayBufferView>): this {
    const { bufferRegions, nodes } = this.#assembled
    const start = this._position
    const noted = { nodes: 0, buffers: 0 }
    const columns = this.#shapes.map((shape) => {
      const ownNodes = nodes.slice(noted.nodes, noted.nodes += shape.nodes)
      const from = noted.buffers
      noted.buffers += shape.buffers
      return {
        nodes: ownNodes.flatMap(({ length, nullCount }) => [length, Math.max(0, nullCount)]),
        buffers: bufferRegions.slice(from, noted.buffers).flatMap(({ offset }, index) => [
          start + offset,
          buffers[from + index]?.byteLength ?? 0
        ])
      }
    })
    this.batches.push({ rows: this.#rows, columns })
    return super._writeBodyBuffers(buffers)
  }
}

/** Gathers small pieces, of which an Arrow file has many, into writes worth a call. */
class GatheringFile {
  position = 0
  readonly #handle: Sink
  #gathered: Array<Uint8Array> = []
  #bytes = 0

  constructor(handle: Sink) {
    this.#handle = handle
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.position += chunk.byteLength
    this.#bytes += chunk.byteLength
    this.#gathered.push(chunk)
    if (this.#bytes > 2 ** 22 || this.#gathered.length >= 512) await this.flush()
  }

  async flush(): Promise<void> {
    const pieces = this.#gathered
    this.#gathered = []
    this.#bytes = 0
    const small = pieces.reduce((bytes, { byteLength }) => bytes + byteLength, 0) < 2 ** 20
    // `writeFile` writes all of a buffer, however often the system has to be asked.
    if (small) return await this.#handle.writeFile(Buffer.concat(pieces))
    for (const piece of pieces) await this.#handle.writeFile(piece)
  }
}
