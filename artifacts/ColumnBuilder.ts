/** From the values of a column to its Arrow data, one value at a time, refusing what the column does not take. */
import * as Arrow from "apache-arrow"
import { arrowType } from "./ArrowSchema.ts"
import type * as Column from "./Column.ts"
import { Growable } from "./Growable.ts"
import { renderValue, UnexpectedValue } from "./TableMismatch.ts"

export interface ColumnBuilder {
  /** @throws UnexpectedValue when the column does not take the value. */
  readonly append: (value: unknown) => void
  /** Appends a typed array that is, bit for bit, what the column stores; false when it is not, and nothing happened. */
  readonly appendAll: (values: unknown) => boolean
  /** Bytes gathered so far, roughly: what a batch would weigh if it ended here. */
  readonly byteLength: () => number
  /** The Arrow data of the values appended since the last call. */
  readonly finish: () => Arrow.Data
}

/** A builder for a column's values. */
export const columnBuilder = (column: Column.Any): ColumnBuilder => {
  const validity = new Validity()
  const present = presentBuilder(column, validity)
  return {
    append: (value) => {
      if (value !== null) {
        present.append(value)
        validity.pushValid(1)
      } else if (column.nullable) {
        present.appendNull()
        validity.pushNull()
      } else {
        throw new UnexpectedValue("", expectation(column), "null")
      }
    },
    appendAll: (values) => {
      const count = present.appendAll(values)
      validity.pushValid(count)
      return count > 0
    },
    byteLength: present.byteLength,
    finish: present.finish
  }
}

/** Builds the values; nulls are kept by the Validity that it shares with its column. */
interface PresentBuilder extends Omit<ColumnBuilder, "appendAll"> {
  readonly appendNull: () => void
  /** How many values it took: all or none. */
  readonly appendAll: (values: unknown) => number
}

const takesNoArrays = () => 0

const presentBuilder = (column: Column.Any, validity: Validity): PresentBuilder => {
  switch (column.kind) {
    case "utf8":
      return textBuilder(column, validity, () => true)
    case "digest":
      return textBuilder(column, validity, (text) => /^[0-9a-f]{64}$/.test(text))
    case "bool":
      return boolBuilder(column, validity)
    case "int32": {
      const values = new Growable((length) => new Int32Array(length))
      const finish = () => Arrow.makeData({ type: new Arrow.Int32(), ...validity.buffers(), data: values.take() })
      return numberBuilder(column, Int32Array, values, finish, (value) => value === (value | 0))
    }
    case "float32": {
      const values = new Growable((length) => new Float32Array(length))
      const finish = () => Arrow.makeData({ type: new Arrow.Float32(), ...validity.buffers(), data: values.take() })
      return numberBuilder(column, Float32Array, values, finish, () => true)
    }
    case "float64": {
      const values = new Growable((length) => new Float64Array(length))
      const finish = () => Arrow.makeData({ type: new Arrow.Float64(), ...validity.buffers(), data: values.take() })
      return numberBuilder(column, Float64Array, values, finish, () => true)
    }
    case "list":
      return listBuilder(column, validity)
    case "struct":
      return structBuilder(column, validity)
  }
}

const expectation = (column: Column.Any): string => {
  const orNull = column.nullable ? " or null" : ""
  switch (column.kind) {
    case "utf8":
      return `text without lone surrogates${orNull}`
    case "digest":
      return `a digest of 64 lowercase hex digits${orNull}`
    case "bool":
      return `true or false${orNull}`
    case "int32":
      return `an integer of 32 bits${orNull}`
    case "float32":
    case "float64":
      return `a number${orNull}`
    case "list":
      return `a list${orNull}`
    case "struct":
      return `an object with ${Object.keys(column.fields).join(", ")}${orNull}`
  }
}

const numberBuilder = (
  column: Column.Any,
  stored: Int32ArrayConstructor | Float32ArrayConstructor | Float64ArrayConstructor,
  values: Growable<Int32Array> | Growable<Float32Array> | Growable<Float64Array>,
  finish: () => Arrow.Data,
  takes: (value: number) => boolean
): PresentBuilder => ({
  append: (value) => {
    if (typeof value !== "number" || !takes(value)) {
      throw new UnexpectedValue("", expectation(column), renderValue(value))
    }
    values.push(value)
  },
  appendAll: (array) => {
    if (!(array instanceof stored)) return 0
    values.append(array)
    return array.length
  },
  appendNull: () => values.push(0),
  byteLength: () => values.length * 8,
  finish
})

const boolBuilder = (column: Column.Any, validity: Validity): PresentBuilder => {
  const bits = new Bits()
  return {
    append: (value) => {
      if (typeof value !== "boolean") throw new UnexpectedValue("", expectation(column), renderValue(value))
      bits.push(value)
    },
    appendAll: takesNoArrays,
    appendNull: () => bits.push(false),
    byteLength: () => bits.length / 8,
    finish: () => Arrow.makeData({ type: new Arrow.Bool(), ...validity.buffers(), data: bits.take() })
  }
}

const encoder = new TextEncoder()

const textBuilder = (column: Column.Any, validity: Validity, takes: (text: string) => boolean): PresentBuilder => {
  const bytes = new Growable((length) => new Uint8Array(length))
  const ends = new Growable((length) => new Int32Array(length))
  ends.push(0)
  return {
    append: (value) => {
      // A lone surrogate has no UTF-8: storing it would silently change the text.
      if (typeof value !== "string" || !value.isWellFormed() || !takes(value)) {
        throw new UnexpectedValue("", expectation(column), renderValue(value))
      }
      const room = bytes.reserve(value.length * 3)
      bytes.advance(encoder.encodeInto(value, room.subarray(bytes.length)).written)
      ends.push(bytes.length)
    },
    appendAll: takesNoArrays,
    appendNull: () => ends.push(bytes.length),
    byteLength: () => bytes.length + 4 * ends.length,
    finish: () => {
      const valueOffsets = ends.take()
      ends.push(0)
      return Arrow.makeData({ type: new Arrow.Utf8(), ...validity.buffers(), valueOffsets, data: bytes.take() })
    }
  }
}

const listBuilder = (column: Column.List<Column.Any, boolean>, validity: Validity): PresentBuilder => {
  const items = columnBuilder(column.of)
  const ends = new Growable((length) => new Int32Array(length))
  ends.push(0)
  let count = 0
  return {
    append: (value) => {
      if (!isListLike(value)) throw new UnexpectedValue("", expectation(column), renderValue(value))
      if (!items.appendAll(value)) {
        for (let index = 0; index < value.length; index++) {
          try {
            items.append(value[index])
          } catch (error) {
            throw error instanceof UnexpectedValue ? error.within(`[${index}]`) : error
          }
        }
      }
      count += value.length
      ends.push(count)
    },
    appendAll: takesNoArrays,
    appendNull: () => ends.push(count),
    byteLength: () => items.byteLength() + 4 * ends.length,
    finish: () => {
      const valueOffsets = ends.take()
      ends.push(0)
      count = 0
      return Arrow.makeData({
        type: new Arrow.List(listField(column)),
        ...validity.buffers(),
        valueOffsets,
        child: items.finish()
      })
    }
  }
}

const listField = (column: Column.Any) => {
  const [item] = arrowType(column).children
  if (item === undefined) throw new TypeError("An Arrow list has one child.")
  return item
}

const isListLike = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))

const structBuilder = (column: Column.Struct<Column.Fields, boolean>, validity: Validity): PresentBuilder => {
  const fields = Object.entries(column.fields).map(([name, field]) => ({ name, field, builder: columnBuilder(field) }))
  const nothing = fields.map(({ field }) => emptyValue(field))
  return {
    append: (value) => {
      if (typeof value !== "object" || value === null || isListLike(value)) {
        throw new UnexpectedValue("", expectation(column), renderValue(value))
      }
      const record: { readonly [name: string]: unknown } = { ...value }
      for (const { name, builder } of fields) {
        try {
          builder.append(record[name])
        } catch (error) {
          throw error instanceof UnexpectedValue ? error.within(`.${name}`) : error
        }
      }
    },
    appendAll: takesNoArrays,
    // Arrow keeps a slot in every field for a null struct; what it holds is never read.
    appendNull: () => fields.forEach(({ builder }, index) => builder.append(nothing[index])),
    byteLength: () => fields.reduce((bytes, { builder }) => bytes + builder.byteLength(), 0),
    finish: () =>
      Arrow.makeData({
        type: new Arrow.Struct(arrowType(column).children),
        ...validity.buffers(),
        children: fields.map(({ builder }) => builder.finish())
      })
  }
}

const emptyValue = (column: Column.Any): unknown => {
  if (column.nullable) return null
  switch (column.kind) {
    case "utf8":
      return ""
    case "digest":
      return "0".repeat(64)
    case "bool":
      return false
    case "list":
      return []
    case "struct":
      return Object.fromEntries(Object.entries(column.fields).map(([name, field]) => [name, emptyValue(field)]))
    default:
      return 0
  }
}

/** Bits packed as Arrow does, least significant first. */
class Bits {
  readonly #bytes = new Growable((length) => new Uint8Array(length))
  #length = 0

  get length(): number {
    return this.#length
  }

  push(bit: boolean): void {
    if (this.#length % 8 === 0) this.#bytes.push(0)
    if (bit) {
      const bytes = this.#bytes.reserve(0)
      const last = this.#length >> 3
      bytes[last] = (bytes[last] ?? 0) | (1 << (this.#length & 7))
    }
    this.#length++
  }

  take(): Uint8Array {
    this.#length = 0
    return this.#bytes.take()
  }
}

/** Which values of a column are present. */
class Validity {
  #length = 0
  #nulls: Array<number> = []

  pushValid(count: number): void {
    this.#length += count
  }

  pushNull(): void {
    this.#nulls.push(this.#length++)
  }

  /** The parts of Arrow data that speak of nulls, for what was pushed since the last call; no nulls, no bitmap. */
  buffers(): { length: number; nullCount: number; nullBitmap: Uint8Array | null } {
    const length = this.#length
    const nulls = this.#nulls
    this.#length = 0
    this.#nulls = []
    if (nulls.length === 0) return { length, nullCount: 0, nullBitmap: null }
    const nullBitmap = new Uint8Array((length + 7) >> 3).fill(255)
    for (const index of nulls) nullBitmap[index >> 3] = (nullBitmap[index >> 3] ?? 0) & ~(1 << (index & 7))
    return { length, nullCount: nulls.length, nullBitmap }
  }
}
