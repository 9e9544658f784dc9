/** From the Arrow data of a column to its values. */
import { bool, bytes, child, type Chunk, hasNulls, isNull, numbers, offsets } from "./ArrowChunk.ts"
import type * as Column from "./Column.ts"

/** The values of a checked chunk (CheckChunk.ts), from one index to another. Lists of numbers are views of its buffer. */
export const readChunk = (column: Column.Any, chunk: Chunk, from = 0, to = chunk.length): Array<unknown> => {
  const read = reader(column, chunk)
  const values = Array.from<unknown>({ length: to - from })
  const maybeNull = hasNulls(chunk)
  for (let index = from; index < to; index++) {
    values[index - from] = maybeNull && isNull(chunk, index) ? null : read(index)
  }
  return values
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

const reader = (column: Column.Any, chunk: Chunk): (index: number) => unknown => {
  switch (column.kind) {
    case "int32":
    case "float32":
    case "float64": {
      const values = numbers(chunk)
      return (index) => values[index]
    }
    case "bool":
      return (index) => bool(chunk, index)
    case "utf8":
    case "digest": {
      const text = bytes(chunk)
      const starts = offsets(chunk)
      return (index) => decoder.decode(text.subarray(starts[index], starts[index + 1]))
    }
    case "list":
      return listReader(column.of, chunk)
    case "struct":
      return structReader(column.fields, chunk)
  }
}

const listReader = (of: Column.Any, chunk: Chunk): (index: number) => unknown => {
  const starts = offsets(chunk)
  const items = child(chunk, 0)
  if (!of.nullable && (of.kind === "int32" || of.kind === "float32" || of.kind === "float64")) {
    const values = numbers(items)
    return (index) => values.subarray(starts[index], starts[index + 1])
  }
  return (index) => readChunk(of, items, starts[index], starts[index + 1])
}

const structReader = (fields: Column.Fields, chunk: Chunk): (index: number) => unknown => {
  const readers = Object.entries(fields).map(([name, field], position) => {
    const values = child(chunk, position)
    const read = reader(field, values)
    return { name, maybeNull: hasNulls(values), values, read }
  })
  return (index) =>
    Object.fromEntries(readers.map(({ name, maybeNull, values, read }) => [
      name,
      maybeNull && isNull(values, index) ? null : read(index)
    ]))
}
