/**
 * Canonical JSON: one text per value, so that equal values have equal digests. Object keys are sorted by UTF-16 code
 * units, there is no white space, strings and numbers are as `JSON.stringify` writes them (which escapes a lone
 * surrogate). What JSON cannot say (undefined, functions, NaN, class instances, cycles …) is an error that names the
 * place, never a constant.
 */
import { createHash } from "node:crypto"

/** A value that JSON can say. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** A value that has no canonical JSON. `path` is where it sits, e.g. `$.config.lambda`. */
export class NotCanonical extends Error {
  readonly _tag = "NotCanonical"
  readonly path: string
  readonly found: string
  constructor(path: string, found: string) {
    super(
      `${path} is ${found}, which has no canonical JSON and so no digest; use null, a boolean, a finite number, a `
        + `string, an array or a plain object.`
    )
    this.name = "NotCanonical"
    this.path = path
    this.found = found
  }
}

/**
 * The canonical JSON text of a value.
 *
 * @throws NotCanonical when some part of the value is not JSON.
 */
export const canonicalJson = (value: unknown): string => write(value, "$", [])

/**
 * The SHA-256 of a value's canonical JSON (UTF-8), as 64 hex digits.
 *
 * @throws NotCanonical when some part of the value is not JSON.
 */
export const digestJson = (value: unknown): string => createHash("sha256").update(canonicalJson(value)).digest("hex")

const write = (value: unknown, path: string, ancestors: ReadonlyArray<object>): string => {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value)
    case "boolean":
      return value ? "true" : "false"
    case "number":
      if (!Number.isFinite(value)) throw new NotCanonical(path, String(value))
      // JSON.stringify(-0) is "0": minus zero and zero are one number in JSON.
      return JSON.stringify(value)
    case "object":
      return value === null ? "null" : writeObject(value, path, ancestors)
    default:
      throw new NotCanonical(path, value === undefined ? "undefined" : `a ${typeof value}`)
  }
}

const writeObject = (value: object, path: string, ancestors: ReadonlyArray<object>): string => {
  if (ancestors.includes(value)) throw new NotCanonical(path, "an object that contains itself")
  const within = [...ancestors, value]
  if (Array.isArray(value)) {
    // Array.from visits the holes of a sparse array, which then fail as undefined.
    return `[${Array.from(value, (item, index) => write(item, `${path}[${index}]`, within)).join(",")}]`
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw new NotCanonical(path, `an instance of ${value.constructor.name}`)
  }
  if (Object.getOwnPropertySymbols(value).length > 0) throw new NotCanonical(path, "an object with a symbol for a key")
  const fields = Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
  return `{${fields.map(([key, item]) => `${JSON.stringify(key)}:${write(item, `${path}.${key}`, within)}`).join(",")}}`
}
