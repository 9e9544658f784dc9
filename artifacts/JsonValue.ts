/** A value as JSON can say it: typed arrays as arrays, numbers that are none as null. */
export const jsonValue = (value: unknown): unknown => {
  if (typeof value === "number") return Number.isFinite(value) ? value : null
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(iterate(value), jsonValue)
  if (Array.isArray(value)) return value.map(jsonValue)
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, jsonValue(field)]))
  }
  return value
}

const iterate = (value: ArrayBufferView): Iterable<unknown> =>
  Symbol.iterator in value ? value as Iterable<unknown> : []
