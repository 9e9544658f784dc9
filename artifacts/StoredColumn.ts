/** A column's description as JSON, as it lies beside a stored table: fields as a list, since their order counts. */
import * as Schema from "effect/Schema"
import * as Column from "./Column.ts"
import type * as TableType from "./TableType.ts"

interface Described {
  readonly name: string
  readonly nullable: boolean
  readonly doc?: string
  readonly unit?: string
  readonly id?: boolean
}

/** A named column. */
export type StoredColumn =
  & Described
  & (
    | { readonly kind: Exclude<Column.Any["kind"], "list" | "struct"> }
    | { readonly kind: "list"; readonly of: StoredColumn }
    | { readonly kind: "struct"; readonly fields: ReadonlyArray<StoredColumn> }
  )

const described = {
  name: Schema.String,
  nullable: Schema.Boolean,
  doc: Schema.optionalKey(Schema.String),
  unit: Schema.optionalKey(Schema.String),
  id: Schema.optionalKey(Schema.Boolean)
}

export const StoredColumn: Schema.Codec<StoredColumn> = Schema.Union([
  Schema.Struct({
    ...described,
    kind: Schema.Literals(["utf8", "bool", "int32", "float32", "float64", "digest"])
  }),
  Schema.Struct({
    ...described,
    kind: Schema.Literal("list"),
    of: Schema.suspend((): Schema.Codec<StoredColumn> => StoredColumn)
  }),
  Schema.Struct({
    ...described,
    kind: Schema.Literal("struct"),
    fields: Schema.Array(Schema.suspend((): Schema.Codec<StoredColumn> => StoredColumn))
  })
])

/** The columns of a table type, in order. */
export const storedColumns = (columns: Column.Fields): ReadonlyArray<StoredColumn> =>
  Object.entries(columns).map(([name, column]) => stored(name, column))

const stored = (name: string, column: Column.Any): StoredColumn => {
  const common = {
    name,
    nullable: column.nullable,
    ...(column.doc === "" ? {} : { doc: column.doc }),
    ...(column.unit === undefined ? {} : { unit: column.unit }),
    ...("id" in column && column.id === true ? { id: true } : {})
  }
  switch (column.kind) {
    case "list":
      return { ...common, kind: column.kind, of: stored("item", column.of) }
    case "struct":
      return { ...common, kind: column.kind, fields: storedColumns(column.fields) }
    default:
      return { ...common, kind: column.kind }
  }
}

/** The columns that were described. */
export const columnsOf = (stored: ReadonlyArray<StoredColumn>): TableType.Any["columns"] =>
  Object.fromEntries(stored.map((column) => [column.name, columnOf(column)]))

const columnOf = (stored: StoredColumn): Column.Any => {
  const { doc = "", id, nullable, unit } = stored
  const options = {
    doc,
    nullable,
    ...(unit === undefined ? {} : { unit }),
    ...(id === undefined ? {} : { id })
  }
  switch (stored.kind) {
    case "utf8":
      return Column.utf8(options)
    case "bool":
      return Column.bool(options)
    case "int32":
      return Column.int32(options)
    case "float32":
      return Column.float32(options)
    case "float64":
      return Column.float64(options)
    case "digest":
      return Column.digest(options)
    case "list":
      return Column.list(columnOf(stored.of), options)
    case "struct":
      return Column.struct(columnsOf(stored.fields), options)
  }
}
