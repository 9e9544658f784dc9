/** Values of a table as text for a terminal. */
import type * as Column from "../../../artifacts/Column.ts"
import { jsonValue } from "../../../artifacts/JsonValue.ts"
import { formatNumber } from "./Numbers.ts"
import { oneLine, truncate } from "./TextTable.ts"

/** A value in at most `width` cells. */
export const cell = (column: Column.Any, value: unknown, width: number): string =>
  truncate(oneLine(plain(column, value)), width)

export const isNumeric = ({ kind }: Column.Any): boolean => kind === "int32" || kind === "float32" || kind === "float64"

const iterate = (value: ArrayBufferView): Iterable<unknown> =>
  Symbol.iterator in value ? value as Iterable<unknown> : []

const plain = (column: Column.Any, value: unknown): string => {
  if (value === null || value === undefined) return "null"
  switch (column.kind) {
    case "digest":
      return String(value).slice(0, 12)
    case "int32":
    case "float32":
    case "float64":
      return typeof value === "number" ? formatNumber(value) : String(value)
    case "list":
      return isNumeric(column.of) || column.of.kind === "utf8"
        ? `[${items(value).map((item) => plain(column.of, item)).join(", ")}]`
        : JSON.stringify(jsonValue(value))
    case "struct":
      return JSON.stringify(jsonValue(value))
    default:
      return String(value)
  }
}

// More than fits on any line; a list may have a million items.
const mostItems = 200

const items = (value: unknown): ReadonlyArray<unknown> =>
  Array.isArray(value) ?
    value.slice(0, mostItems)
    : ArrayBuffer.isView(value) ?
    Array.from(iterate(value)).slice(0, mostItems)
    : []
