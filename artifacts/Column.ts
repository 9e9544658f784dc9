/**
 * A column description: plain data that gives a column its TypeScript value type, its Arrow type and its documentation.
 *
 * Use as a namespace: `import * as Column from "./Column.ts"`, then `Column.float32({ doc: "…", unit: "nats" })`.
 */

/** What every column description carries. `unit` is a plain word ("nats", "tokens"); absent means dimensionless. */
interface Described<Nullable extends boolean> {
  readonly doc: string
  readonly unit?: string
  /** Whether the column names what a row is about: rows of other tables with the same value belong to it. */
  readonly id?: boolean
  /**
   * Whether a value may be null. In the types a nullable column is `boolean` ("may be null") and any other is `false`,
   * so that a column without nulls is assignable where nulls are allowed, and not the other way round.
   */
  readonly nullable: Nullable
}

export interface Utf8<Nullable extends boolean> extends Described<Nullable> {
  readonly kind: "utf8"
}
export interface Bool<Nullable extends boolean> extends Described<Nullable> {
  readonly kind: "bool"
}
export interface Int32<Nullable extends boolean> extends Described<Nullable> {
  readonly kind: "int32"
}
export interface Float32<Nullable extends boolean> extends Described<Nullable> {
  readonly kind: "float32"
}
export interface Float64<Nullable extends boolean> extends Described<Nullable> {
  readonly kind: "float64"
}
/** A string that is the digest of a directory in the artifact store; lineage and garbage collection follow it. */
export interface Digest<Nullable extends boolean> extends Described<Nullable> {
  readonly kind: "digest"
}
export interface List<Of extends Any, Nullable extends boolean> extends Described<Nullable> {
  readonly kind: "list"
  readonly of: Of
}
export interface Struct<Of extends Fields, Nullable extends boolean> extends Described<Nullable> {
  readonly kind: "struct"
  readonly fields: Of
}

/** Named columns, in order: the fields of a struct, or the columns of a table. */
export interface Fields {
  readonly [name: string]: Any
}

/** Any column description. */
export type Any =
  | Utf8<boolean>
  | Bool<boolean>
  | Int32<boolean>
  | Float32<boolean>
  | Float64<boolean>
  | Digest<boolean>
  | List<Any, boolean>
  | Struct<Fields, boolean>

/** The TypeScript type of one value of a column. */
export type Value<C extends Any> = true extends C["nullable"] ? PresentValue<C> | null : PresentValue<C>

/** The type of a value that is not null. Lists of numbers are typed arrays; a list that may hold nulls is a plain array. */
export type PresentValue<C extends Any> = C extends { readonly kind: "utf8" | "digest" } ? string
  : C extends { readonly kind: "bool" } ? boolean
  : C extends { readonly kind: "int32" | "float32" | "float64" } ? number
  : C extends { readonly kind: "list"; readonly of: infer Of extends Any } ? ListValue<Of>
  : C extends { readonly kind: "struct"; readonly fields: infer Of extends Fields } ? StructValue<Of>
  : never

type StructValue<Of extends Fields> = { readonly [Name in keyof Of]: Value<Of[Name]> }

type ListValue<Of extends Any> = true extends Of["nullable"] ? ReadonlyArray<Value<Of>>
  : Of extends { readonly kind: "int32" } ? Int32Array
  : Of extends { readonly kind: "float32" } ? Float32Array
  : Of extends { readonly kind: "float64" } ? Float64Array
  : ReadonlyArray<Value<Of>>

/** What a column is declared with. `doc` says what the value means; list items and struct fields may leave it out. */
export interface Options<Nullable extends boolean> {
  readonly doc?: string
  readonly unit?: string
  readonly nullable?: Nullable
  /**
   * `true` for a column that names what a row is about, such as `candidate_id`. `gemflow trace` and `gemflow diff` match
   * rows of two tables by the ids that both have. No part of a node's key.
   */
  readonly id?: boolean
}

type MayBeNull<Nullable extends boolean> = Nullable extends true ? boolean : false

// The one place where the literal `true` of the options widens to the `boolean` of `MayBeNull`, which it always inhabits.
const describe = <Nullable extends boolean>(options: Options<Nullable>): Described<MayBeNull<Nullable>> => ({
  doc: options.doc ?? "",
  ...(options.unit === undefined ? {} : { unit: options.unit }),
  ...(options.id === undefined ? {} : { id: options.id }),
  nullable: (options.nullable ?? false) as MayBeNull<Nullable>
})

/** Text. */
export const utf8 = <Nullable extends boolean = false>(
  options: Options<Nullable> = {}
): Utf8<MayBeNull<Nullable>> => ({ kind: "utf8", ...describe(options) })

/** True or false. */
export const bool = <Nullable extends boolean = false>(
  options: Options<Nullable> = {}
): Bool<MayBeNull<Nullable>> => ({ kind: "bool", ...describe(options) })

/** An integer in [-2^31, 2^31). */
export const int32 = <Nullable extends boolean = false>(
  options: Options<Nullable> = {}
): Int32<MayBeNull<Nullable>> => ({ kind: "int32", ...describe(options) })

/** A number kept in single precision: a value reads back rounded to the nearest float32. */
export const float32 = <Nullable extends boolean = false>(
  options: Options<Nullable> = {}
): Float32<MayBeNull<Nullable>> => ({ kind: "float32", ...describe(options) })

/** A number in double precision, kept exactly. */
export const float64 = <Nullable extends boolean = false>(
  options: Options<Nullable> = {}
): Float64<MayBeNull<Nullable>> => ({ kind: "float64", ...describe(options) })

/** The digest (64 lowercase hex digits) of a directory in the artifact store. */
export const digest = <Nullable extends boolean = false>(
  options: Options<Nullable> = {}
): Digest<MayBeNull<Nullable>> => ({ kind: "digest", ...describe(options) })

/** A list of values of one kind, of any length, per row. */
export const list = <const Of extends Any, Nullable extends boolean = false>(
  of: Of,
  options: Options<Nullable> = {}
): List<Of, MayBeNull<Nullable>> => ({ kind: "list", of, ...describe(options) })

/** A record with named fields, in declared order. */
export const struct = <const Of extends Fields, Nullable extends boolean = false>(
  fields: Of,
  options: Options<Nullable> = {}
): Struct<Of, MayBeNull<Nullable>> => ({ kind: "struct", fields, ...describe(options) })

/** The type as a person reads it, e.g. `list<struct<role: utf8, content: utf8>>`; `?` marks what may be null. */
export const render = (column: Any): string => `${renderKind(column)}${column.nullable ? "?" : ""}`

const renderKind = (column: Any): string => {
  switch (column.kind) {
    case "list":
      return `list<${render(column.of)}>`
    case "struct":
      return `struct<${Object.entries(column.fields).map(([name, field]) => `${name}: ${render(field)}`).join(", ")}>`
    default:
      return column.kind
  }
}

/** Whether values of `provided` may flow where `required` is declared: same kinds throughout, nulls only where allowed. */
export const satisfies = (provided: Any, required: Any): boolean => {
  if (provided.nullable && !required.nullable) return false
  if (provided.kind === "list" && required.kind === "list") return satisfies(provided.of, required.of)
  if (provided.kind === "struct" && required.kind === "struct") {
    const providedFields = Object.entries(provided.fields)
    const requiredFields = Object.entries(required.fields)
    return providedFields.length === requiredFields.length && requiredFields.every(([name, field], index) => {
      const match = providedFields[index]
      return match !== undefined && match[0] === name && satisfies(match[1], field)
    })
  }
  return provided.kind === required.kind
}
