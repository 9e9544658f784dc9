/** Reads from a 64-bit ELF file which libraries the loader must find before it loads it. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs"

/** The `DT_NEEDED` entries of a shared library, in order; undefined when the file is not one. */
export const neededLibraries = (path: string): ReadonlyArray<string> | undefined => {
  const file = openSync(path, "r")
  try {
    const { size } = fstatSync(file)
    const at = (offset: number, length: number): Buffer | undefined => {
      if (offset < 0 || length < 0 || length > 1 << 24 || offset + length > size) return undefined
      const bytes = Buffer.alloc(length)
      return readSync(file, bytes, 0, length, offset) === length ? bytes : undefined
    }
    return readNeeded(at)
  } finally {
    closeSync(file)
  }
}

type Read = (offset: number, length: number) => Buffer | undefined

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly size: number
}

const [load, dynamic] = [1, 2]
const [needed, stringTable, stringTableSize] = [1, 5, 10]

const readNeeded = (at: Read): ReadonlyArray<string> | undefined => {
  const header = at(0, 64)
  // Magic, 64 bit, little endian.
  if (header?.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) return undefined
  const [entrySize, entries] = [header.readUInt16LE(54), header.readUInt16LE(56)]
  const table = at(number(header, 32), entrySize * entries)
  if (table === undefined || entrySize < 56) return undefined
  const segments = Array.from({ length: entries }, (_, index): Segment => {
    const start = index * entrySize
    return {
      type: table.readUInt32LE(start),
      offset: number(table, start + 8),
      address: number(table, start + 16),
      size: number(table, start + 32)
    }
  })
  const section = segments.find(({ type }) => type === dynamic)
  const bytes = section && at(section.offset, section.size)
  if (bytes === undefined) return undefined
  const tags = Array.from({ length: Math.floor(bytes.length / 16) }, (_, index) => ({
    tag: number(bytes, index * 16),
    value: number(bytes, index * 16 + 8)
  }))
  const valueOf = (tag: number) => tags.find((entry) => entry.tag === tag)?.value ?? 0
  const address = valueOf(stringTable)
  const holder = segments.find(({ address: from, size, type }) =>
    type === load && address >= from && address < from + size
  )
  const strings = holder && at(address - holder.address + holder.offset, valueOf(stringTableSize))
  if (strings === undefined) return undefined
  return tags.filter(({ tag }) => tag === needed).map(({ value }) => {
    const end = strings.indexOf(0, value)
    return strings.toString("utf8", value, end === -1 ? value : end)
  })
}

/** A 64-bit field; file offsets stay far below 2^53, and a nonsensical one fails the bounds check. */
const number = (bytes: Buffer, offset: number): number => Number(bytes.readBigUInt64LE(offset))
