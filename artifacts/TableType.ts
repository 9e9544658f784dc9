/**
 * A table type, declared once: the columns' names, types, documentation and units. From it come the TypeScript type of a
 * row, the Arrow schema (ArrowSchema.ts) and the runtime validation at every node boundary.
 *
 * Use as a namespace: `import * as TableType from "./TableType.ts"`.
 */
import * as Schema from "effect/Schema"
import * as Column from "./Column.ts"

/**
 * Table types are structural: a type with more columns is assignable to one with fewer, so a node that reads three
 * columns accepts any table that has these three.
 */
export interface TableType<out Columns extends Column.Fields> {
  readonly name: string
  readonly columns: Columns
}

/** Any table type. */
export type Any = TableType<Column.Fields>

/** The columns of a table type. */
export type Columns<T extends Any> = T["columns"]

/** The names of the columns of a table type. */
export type ColumnName<T extends Any> = keyof T["columns"] & string

/** One row of a table type. */
export type Row<T extends Any> = { readonly [Name in keyof T["columns"]]: Column.Value<T["columns"][Name]> }

/** Declares a table type. The order of the columns is part of it. */
export const make = <const Columns extends Column.Fields>(name: string, columns: Columns): TableType<Columns> => {
  for (const column of Object.keys(columns)) {
    // JavaScript moves integer-like keys to the front of an object, which would silently reorder the columns.
    if (column === "" || /^\d+$/.test(column)) {
      throw new TypeError(
        `Table type ${name}: "${column}" cannot name a column; use a word such as "column_${column}".`
      )
    }
  }
  return { name, columns }
}

/** The type with only the named columns. A node whose input is declared with a pick depends on these columns alone. */
export const pick = <T extends Any, const Names extends ReadonlyArray<ColumnName<T>>>(
  type: T,
  ...names: Names
): TableType<Pick<T["columns"], Names[number]>> => {
  const columns: Column.Fields = type.columns
  const picked: Record<string, Column.Any> = {}
  for (const name of names) {
    const column = columns[name]
    if (column === undefined) {
      throw new TypeError(`Table type ${type.name} has no column "${name}"; it has ${Object.keys(columns).join(", ")}.`)
    }
    picked[name] = column
  }
  // Filled from exactly the names that `Pick` lists.
  return { name: type.name, columns: picked as Pick<T["columns"], Names[number]> }
}

/** A column that a table lacks or has with another type. `found` is absent when the column itself is. */
export interface ColumnMismatch {
  readonly column: string
  readonly expected: string
  readonly found?: string
}

/** The columns of `required` that `provided` lacks or has with another type; empty when the table may be wired. */
export const missingColumns = (provided: Any, required: Any): ReadonlyArray<ColumnMismatch> =>
  Object.entries(required.columns).flatMap(([column, wanted]) => {
    const found = provided.columns[column]
    if (found === undefined) return [{ column, expected: Column.render(wanted) }]
    return Column.satisfies(found, wanted)
      ? []
      : [{ column, expected: Column.render(wanted), found: Column.render(found) }]
  })

/** The effect Schema of a row. Numeric lists are typed arrays on both sides. */
export const rowSchema = <T extends Any>(type: T): Schema.Codec<Row<T>> =>
  // Built column by column from the same descriptions that define `Row<T>`; a mapped type cannot follow the loop.
  structSchema(type.columns) as unknown as Schema.Codec<Row<T>>

const structSchema = (fields: Column.Fields) =>
  Schema.Struct(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, columnSchema(field)])))

const columnSchema = (column: Column.Any): Schema.Codec<unknown> =>
  column.nullable ? Schema.NullOr(presentSchema(column)) : presentSchema(column)

const Int32 = Schema.Int.check(Schema.isBetween({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1 }))
const DigestHex = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))

const presentSchema = (column: Column.Any): Schema.Codec<unknown> => {
  switch (column.kind) {
    case "utf8":
      return Schema.String
    case "digest":
      return DigestHex
    case "bool":
      return Schema.Boolean
    case "int32":
      return Int32
    case "float32":
    case "float64":
      return Schema.Number
    case "struct":
      return structSchema(column.fields)
    case "list":
      return listSchema(column.of)
  }
}

const listSchema = (of: Column.Any): Schema.Codec<unknown> => {
  if (!of.nullable) {
    if (of.kind === "int32") return Schema.instanceOf(Int32Array)
    if (of.kind === "float32") return Schema.instanceOf(Float32Array)
    if (of.kind === "float64") return Schema.instanceOf(Float64Array)
  }
  return Schema.Array(columnSchema(of))
}
