/**
 * The canonical digest of a table: of its logical content, never of Arrow or IPC bytes, so that it does not depend on
 * record batches, slicing, dictionary encoding or what lies under a null.
 *
 * A column is hashed as streams (SHA-256 each), which its description as canonical JSON then names:
 *   nulls    positions of the null values, as float64
 *   values   the values that are not null, little-endian; text as UTF-8; true and false as a byte 1 and 0
 *   lengths  of text (in bytes) and of lists (in items), as int32
 * Lists and structs hold the descriptions of their items and fields. All NaN are one NaN; 0 and -0 are two values, as
 * 1 / x tells them apart. `doc` and `unit` are not content; a table's name, its columns' names, order, types and
 * nullability are.
 */
import { createHash } from "node:crypto"
import { bool, bytes, child, type Chunk, hasNulls, numbers, offsets, validityOf } from "./ArrowChunk.ts"
import { digestJson, type Json } from "./CanonicalJson.ts"
import * as Column from "./Column.ts"
import { type TableManifest, tableManifest } from "./Manifest.ts"
import type { Table } from "./Table.ts"
import type * as TableType from "./TableType.ts"

/** The digest of a table and of each of its columns: SHA-256, 64 hex digits. */
export interface TableDigest {
  readonly digest: string
  readonly columns: Readonly<Record<string, string>>
  readonly manifest: TableManifest
}

/** The digest of a table's name, schema and content. */
export const digestTable = <T extends TableType.Any>(table: Table<T>): TableDigest => {
  const columns = Object.entries<Column.Any>(table.type.columns).map(([name, column]) => ({
    name,
    type: Column.render(column),
    digest: digestColumn(column, table.chunks(name))
  }))
  const manifest = tableManifest({
    table: table.type.name,
    numRows: table.numRows,
    columns,
    directories: [...directories(table)].toSorted()
  })
  return {
    digest: digestJson(manifest),
    columns: Object.fromEntries(columns.map(({ name, digest }) => [name, digest])),
    manifest
  }
}

/** The digest of a column's type and values, whatever chunks they come in. Equal columns have it under any name. */
export const digestColumn = (column: Column.Any, chunks: ReadonlyArray<Chunk>): string => {
  const hasher = columnHasher(column)
  for (const chunk of chunks) hasher.update(chunk, Int32Array.of(0, chunk.length))
  return digestJson(hasher.describe())
}

/** The store's directories that rows refer to. */
const directories = <T extends TableType.Any>(table: Table<T>): Set<string> => {
  const found = new Set<string>()
  for (const [name, column] of Object.entries<Column.Any>(table.type.columns)) {
    if (mentionsDirectory(column)) table.column(name).forEach((value) => collectDirectories(column, value, found))
  }
  return found
}

const mentionsDirectory = (column: Column.Any): boolean =>
  column.kind === "digest" || (column.kind === "list" && mentionsDirectory(column.of))
  || (column.kind === "struct" && Object.values(column.fields).some(mentionsDirectory))

const collectDirectories = (column: Column.Any, value: unknown, into: Set<string>): void => {
  if (column.kind === "digest" && typeof value === "string") into.add(value)
  if (column.kind === "list" && Array.isArray(value)) {
    for (const item of value) collectDirectories(column.of, item, into)
  }
  if (column.kind === "struct" && typeof value === "object" && value !== null) {
    const record: { readonly [name: string]: unknown } = { ...value }
    for (const [name, field] of Object.entries(column.fields)) collectDirectories(field, record[name], into)
  }
}

/** Ranges of a chunk, one after the other: where each begins and, next to that, where it ends. */
type Ranges = Int32Array

interface ColumnHasher {
  /** Takes the values of a chunk in the ranges. */
  readonly update: (chunk: Chunk, ranges: Ranges) => void
  readonly describe: () => Json
}

/** Hashes values that are not null; their count is the column's count less its nulls. */
interface PresentHasher extends ColumnHasher {
  readonly describe: () => { readonly [part: string]: Json }
}

const columnHasher = (column: Column.Any): ColumnHasher => {
  const nulls = new Stream()
  const present = presentHasher(column)
  let count = 0
  return {
    update: (chunk, ranges) => {
      if (hasNulls(chunk)) {
        const found = withoutNulls(chunk, ranges, count)
        nulls.writeNumbers(found.nulls)
        present.update(chunk, found.ranges)
      } else present.update(chunk, ranges)
      count += lengthOf(ranges)
    },
    describe: () => ({
      kind: column.kind,
      nullable: column.nullable,
      count,
      nulls: nulls.digest(),
      ...present.describe()
    })
  }
}

const lengthOf = (ranges: Ranges): number => {
  let length = 0
  for (let at = 0; at < ranges.length; at += 2) length += (ranges[at + 1] ?? 0) - (ranges[at] ?? 0)
  return length
}

/** The ranges of the values that are there, and the positions of the nulls, counted on from `count`. */
const withoutNulls = (chunk: Chunk, ranges: Ranges, count: number) => {
  const nulls = new Float64Array(Math.min(chunk.nullCount, lengthOf(ranges)))
  // A null splits a range in two.
  const present = new Int32Array(ranges.length + 2 * nulls.length)
  const validity = validityOf(chunk)
  const offset = chunk.offset
  let [nullCount, presentEnd, position] = [0, 0, count]
  for (let at = 0; at < ranges.length; at += 2) {
    const [from, to] = [ranges[at] ?? 0, ranges[at + 1] ?? 0]
    let start = from
    for (let index = from; index < to; index++) {
      // The bits of isNull, without a call per value.
      if (((validity[(offset + index) >> 3] ?? 0) & (1 << ((offset + index) & 7))) !== 0) continue
      if (index > start) {
        present[presentEnd++] = start
        present[presentEnd++] = index
      }
      start = index + 1
      nulls[nullCount++] = position + index - from
    }
    if (to > start) {
      present[presentEnd++] = start
      present[presentEnd++] = to
    }
    position += to - from
  }
  return { nulls: nulls.subarray(0, nullCount), ranges: present.subarray(0, presentEnd) }
}

const presentHasher = (column: Column.Any): PresentHasher => {
  switch (column.kind) {
    case "int32":
    case "float32":
    case "float64":
      return streamHasher((values, chunk, ranges) => values.writeNumbers(withOneNaN(together(numbers(chunk), ranges))))
    case "bool":
      return streamHasher((values, chunk, ranges) => {
        const flags = new Uint8Array(lengthOf(ranges))
        let end = 0
        for (let at = 0; at < ranges.length; at += 2) {
          const to = ranges[at + 1] ?? 0
          for (let index = ranges[at] ?? 0; index < to; index++) flags[end++] = bool(chunk, index) ? 1 : 0
        }
        values.write(flags)
      })
    case "utf8":
    case "digest": {
      const lengths = new Stream()
      const values = streamHasher((values, chunk, ranges) => {
        lengths.writeNumbers(lengthsOf(chunk, ranges))
        const text = bytes(chunk)
        const inside = innerRanges(chunk, ranges)
        for (let at = 0; at < inside.length; at += 2) values.write(text.subarray(inside[at], inside[at + 1]))
      })
      return { update: values.update, describe: () => ({ lengths: lengths.digest(), ...values.describe() }) }
    }
    case "list": {
      const lengths = new Stream()
      const items = columnHasher(column.of)
      return {
        update: (chunk, ranges) => {
          lengths.writeNumbers(lengthsOf(chunk, ranges))
          items.update(child(chunk, 0), innerRanges(chunk, ranges))
        },
        describe: () => ({ lengths: lengths.digest(), items: items.describe() })
      }
    }
    case "struct": {
      const fields = Object.entries(column.fields).map(([name, field]) => ({ name, hasher: columnHasher(field) }))
      return {
        update: (chunk, ranges) =>
          fields.forEach(({ hasher }, position) => hasher.update(child(chunk, position), ranges)),
        // Pairs, not an object: the order of the fields is part of the type.
        describe: () => ({ fields: fields.map(({ name, hasher }) => [name, hasher.describe()]) })
      }
    }
  }
}

const streamHasher = (
  write: (values: Stream, chunk: Chunk, ranges: Ranges) => void
): PresentHasher => {
  const values = new Stream()
  return {
    update: (chunk, ranges) => write(values, chunk, ranges),
    describe: () => ({ values: values.digest() })
  }
}

/** How long each text or list in the ranges is. */
const lengthsOf = (chunk: Chunk, ranges: Ranges): Int32Array => {
  const starts = offsets(chunk)
  const lengths = new Int32Array(lengthOf(ranges))
  let end = 0
  for (let at = 0; at < ranges.length; at += 2) {
    const [from, to] = [ranges[at] ?? 0, ranges[at + 1] ?? 0]
    for (let index = from; index < to; index++) lengths[end++] = (starts[index + 1] ?? 0) - (starts[index] ?? 0)
  }
  return lengths
}

/** Where the texts or lists in the ranges have their bytes or items; what lies together is one range. */
const innerRanges = (chunk: Chunk, ranges: Ranges): Ranges => {
  const starts = offsets(chunk)
  const inner = new Int32Array(ranges.length)
  let end = 0
  for (let at = 0; at < ranges.length; at += 2) {
    const [from, to] = [starts[ranges[at] ?? 0] ?? 0, starts[ranges[at + 1] ?? 0] ?? 0]
    if (from === to) continue
    // A null between two values usually takes no room.
    if (end > 0 && inner[end - 1] === from) inner[end - 1] = to
    else {
      inner[end++] = from
      inner[end++] = to
    }
  }
  return inner.subarray(0, end)
}

type Numbers = Int32Array | Float32Array | Float64Array

/** The numbers in the ranges one after the other: a view where it is one range, else a copy. */
const together = (values: Numbers, ranges: Ranges): Numbers => {
  if (ranges.length === 2) return values.subarray(ranges[0], ranges[1])
  const length = lengthOf(ranges)
  if (values instanceof Int32Array) return copied(values, ranges, new Int32Array(length))
  return values instanceof Float32Array
    ? copied(values, ranges, new Float32Array(length))
    : copied(values, ranges, new Float64Array(length))
}

const copied = <A extends Numbers>(values: A, ranges: Ranges, into: A): A => {
  let end = 0
  for (let at = 0; at < ranges.length; at += 2) {
    const to = ranges[at + 1] ?? 0
    // One by one: ranges between nulls are short, and a call for each would take longer.
    for (let index = ranges[at] ?? 0; index < to; index++) into[end++] = values[index] ?? 0
  }
  return into
}

/** The same numbers with every NaN in one bit pattern; the array itself where it holds none, as is usual. */
const withOneNaN = (values: Numbers): Numbers => {
  if (values instanceof Int32Array || !mayHoldNaN(values)) return values
  const copy = values.slice()
  const words = new Uint32Array(copy.buffer, copy.byteOffset, copy.byteLength / 4)
  for (let index = 0; index < copy.length; index++) {
    if (!Number.isNaN(copy[index])) continue
    if (copy instanceof Float32Array) words[index] = 0x7fc00000
    else words.set([0, 0x7ff80000], 2 * index)
  }
  return copy
}

/**
 * Whether some value may be NaN: one makes a sum NaN, as do infinities of both signs, which cost no more than a copy.
 * Four sums side by side run several times as fast as a test per value, and as SHA-256 itself.
 */
const mayHoldNaN = (values: Float32Array | Float64Array): boolean => {
  let [a, b, c, d] = [0, 0, 0, 0]
  const whole = values.length - values.length % 4
  for (let index = 0; index < whole; index += 4) {
    a += values[index] ?? 0
    b += values[index + 1] ?? 0
    c += values[index + 2] ?? 0
    d += values[index + 3] ?? 0
  }
  for (let index = whole; index < values.length; index++) a += values[index] ?? 0
  return Number.isNaN(a + b + c + d)
}

/** Bytes into SHA-256: large pieces as they are, small ones gathered first, since a call per value would dominate. */
class Stream {
  readonly #hash = createHash("sha256")
  #gathered: Uint8Array | undefined
  #length = 0

  write(bytes: Uint8Array): void {
    if (bytes.length > gatherBytes / 4) {
      this.#flush()
      for (let start = 0; start < bytes.length; start += pieceBytes) {
        this.#hash.update(bytes.subarray(start, start + pieceBytes))
      }
      return
    }
    if (this.#length + bytes.length > gatherBytes) this.#flush()
    this.#gathered ??= new Uint8Array(gatherBytes)
    this.#gathered.set(bytes, this.#length)
    this.#length += bytes.length
  }

  writeNumbers(values: Numbers): void {
    this.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }

  digest(): string {
    this.#flush()
    return this.#hash.digest("hex")
  }

  #flush(): void {
    if (this.#gathered !== undefined && this.#length > 0) this.#hash.update(this.#gathered.subarray(0, this.#length))
    this.#length = 0
  }
}

const gatherBytes = 2 ** 14
const pieceBytes = 2 ** 28
