/**
 * Where the columns of a table lie in its Arrow file, so that some can be read without the others. Kept as a text with a
 * digest of its own: who asks only whether a table is there does not read it, and of a large table it says thousands of
 * positions.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import type * as Column from "./Column.ts"
import { columnsOf, StoredColumn } from "./StoredColumn.ts"

/** Where the columns of one record batch lie in a file, in their order. */
export interface BatchLayout {
  readonly rows: number
  readonly columns: ReadonlyArray<{
    /** Of each Arrow field node, depth first: its length and its number of nulls. */
    readonly nodes: ReadonlyArray<number>
    /** Of each Arrow buffer, depth first: its position in the file and its length in bytes. */
    readonly buffers: ReadonlyArray<number>
  }>
}

export interface TableLayout {
  readonly columns: ReadonlyArray<StoredColumn>
  readonly batches: ReadonlyArray<BatchLayout>
}

/** How many field nodes and buffers a column takes in a record batch. */
export interface Shape {
  readonly nodes: number
  readonly buffers: number
}

export const shapeOf = (column: Column.Any): Shape => {
  switch (column.kind) {
    case "utf8":
    case "digest":
      return { nodes: 1, buffers: 3 }
    case "list":
      return sum([{ nodes: 1, buffers: 2 }, shapeOf(column.of)])
    case "struct":
      return sum([{ nodes: 1, buffers: 1 }, ...Object.values(column.fields).map(shapeOf)])
    default:
      return { nodes: 1, buffers: 2 }
  }
}

const sum = (shapes: ReadonlyArray<Shape>): Shape =>
  shapes.reduce((total, { buffers, nodes }) => ({ nodes: total.nodes + nodes, buffers: total.buffers + buffers }))

/** A layout as a text, each batch as a list of its numbers, with the digest of the text. */
export const layoutText = ({ batches, columns }: TableLayout): { readonly text: string; readonly digest: string } => {
  const numbers = batches.map(({ columns, rows }) => [
    rows,
    ...columns.flatMap(({ buffers, nodes }) => [...nodes, ...buffers])
  ])
  const text = JSON.stringify({ columns, batches: numbers })
  return { text, digest: sha256(text) }
}

/** The layout of a text; undefined when it is not that of the digest, or not a layout. */
export const parseLayout = (text: string, digest: string): TableLayout | undefined => {
  if (sha256(text) !== digest) return undefined
  const content = Option.getOrUndefined(decodeContent(text))
  if (content === undefined || !Array.isArray(content.batches)) return undefined
  const shapes = Object.values(columnsOf(content.columns)).map(shapeOf)
  const batches: Array<BatchLayout> = []
  for (const numbers of content.batches) {
    const batch = Array.isArray(numbers) ? batchOf(numbers, shapes) : undefined
    if (batch === undefined) return undefined
    batches.push(batch)
  }
  return { columns: content.columns, batches }
}

/** The numbers are looked at one by one below: a schema of them would take longer than reading the file. */
const decodeContent = Schema.decodeOption(
  Schema.fromJsonString(Schema.Struct({ columns: Schema.Array(StoredColumn), batches: Schema.Unknown }))
)

const batchOf = (numbers: ReadonlyArray<unknown>, shapes: ReadonlyArray<Shape>): BatchLayout | undefined => {
  const counts = numbers.filter((value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0)
  const wanted = shapes.reduce((total, { buffers, nodes }) => total + 2 * (nodes + buffers), 1)
  if (counts.length !== wanted || numbers.length !== wanted) return undefined
  const values = counts.filter((value) => typeof value === "number")
  let at = 1
  const columns = shapes.map(({ buffers, nodes }) => ({
    nodes: values.slice(at, at += 2 * nodes),
    buffers: values.slice(at, at += 2 * buffers)
  }))
  return { rows: values[0] ?? 0, columns }
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")
