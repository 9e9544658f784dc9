/** The Arrow types that columns are stored as. */
import * as Arrow from "apache-arrow"
import * as Column from "./Column.ts"
import * as TableType from "./TableType.ts"

/** The Arrow type of a column. */
export const arrowType = (column: Column.Any): Arrow.DataType => {
  switch (column.kind) {
    case "utf8":
    case "digest":
      return new Arrow.Utf8()
    case "bool":
      return new Arrow.Bool()
    case "int32":
      return new Arrow.Int32()
    case "float32":
      return new Arrow.Float32()
    case "float64":
      return new Arrow.Float64()
    case "list":
      return new Arrow.List(arrowField("item", column.of))
    case "struct":
      return new Arrow.Struct(Object.entries(column.fields).map(([name, field]) => arrowField(name, field)))
  }
}

/** The Arrow field of a column; `doc`, `unit` and what Arrow cannot say travel as field metadata. */
export const arrowField = (name: string, column: Column.Any): Arrow.Field => {
  const metadata = new Map<string, string>()
  if (column.doc !== "") metadata.set("doc", column.doc)
  if (column.unit !== undefined) metadata.set("unit", column.unit)
  if (column.id === true) metadata.set("gemflow.id", "true")
  if (column.kind === "digest") metadata.set("gemflow.kind", "digest")
  return new Arrow.Field(name, arrowType(column), column.nullable, metadata)
}

/** The Arrow schema of a table type, with the type's name as metadata. */
export const arrowSchema = (type: TableType.Any): Arrow.Schema =>
  new Arrow.Schema(
    Object.entries(type.columns).map(([name, column]) => arrowField(name, column)),
    new Map([["gemflow.table", type.name]])
  )

/** The table type that an Arrow schema made by `arrowSchema` describes; undefined for types that no column has. */
export const tableTypeOf = (schema: Arrow.Schema): TableType.Any | undefined => {
  const columns = fieldsOf(schema.fields)
  return columns === undefined ? undefined : TableType.make(schema.metadata.get("gemflow.table") ?? "", columns)
}

const fieldsOf = (fields: ReadonlyArray<Arrow.Field>): Column.Fields | undefined => {
  const columns: Record<string, Column.Any> = {}
  for (const field of fields) {
    const column = columnOf(field)
    if (column === undefined || field.name in columns) return undefined
    columns[field.name] = column
  }
  return columns
}

const columnOf = ({ metadata, nullable, type }: Arrow.Field): Column.Any | undefined => {
  const unit = metadata.get("unit")
  const options = {
    doc: metadata.get("doc") ?? "",
    nullable,
    ...(unit === undefined ? {} : { unit }),
    ...(metadata.get("gemflow.id") === "true" ? { id: true } : {})
  }
  const scalars = [
    metadata.get("gemflow.kind") === "digest" ? Column.digest(options) : Column.utf8(options),
    Column.bool(options),
    Column.int32(options),
    Column.float32(options),
    Column.float64(options)
  ]
  const item = type.children?.[0]
  if (Arrow.DataType.isList(type) && item !== undefined) {
    const of = columnOf(item)
    return of === undefined ? undefined : Column.list(of, options)
  }
  if (Arrow.DataType.isStruct(type)) {
    const fields = fieldsOf(type.children)
    return fields === undefined ? undefined : Column.struct(fields, options)
  }
  return scalars.find((column) => isStoredAs(type, column))
}

/** Whether an Arrow type is, buffer for buffer, the one a column is stored as. The name of a list's item is free. */
export const isStoredAs = (type: Arrow.DataType, column: Column.Any): boolean => {
  switch (column.kind) {
    case "utf8":
    case "digest":
      return Arrow.DataType.isUtf8(type)
    case "bool":
      return Arrow.DataType.isBool(type)
    case "int32":
      return Arrow.DataType.isInt(type) && type.isSigned && type.bitWidth === 32
    case "float32":
      return Arrow.DataType.isFloat(type) && type.precision === Arrow.Precision.SINGLE
    case "float64":
      return Arrow.DataType.isFloat(type) && type.precision === Arrow.Precision.DOUBLE
    case "list": {
      const item = type.children?.[0]
      return Arrow.DataType.isList(type) && item !== undefined && isStoredAs(item.type, column.of)
    }
    case "struct": {
      const fields = Object.entries(column.fields)
      const children = type.children ?? []
      return Arrow.DataType.isStruct(type) && children.length === fields.length &&
        fields.every(([name, field], index) => {
          const child = children[index]
          return child !== undefined && child.name === name && isStoredAs(child.type, field)
        })
    }
  }
}

/**
 * Whether an Arrow type holds the column's values in another encoding (a dictionary, large offsets, views, fixed size),
 * so that they can be read one by one and stored the usual way. Numbers of another width are not the same values.
 */
export const isEncodingOf = (type: Arrow.DataType, column: Column.Any): boolean => {
  if (Arrow.DataType.isDictionary(type)) return isEncodingOf(type.dictionary, column)
  switch (column.kind) {
    case "utf8":
    case "digest":
      return Arrow.DataType.isUtf8(type) || Arrow.DataType.isLargeUtf8(type) || Arrow.DataType.isUtf8View(type)
    case "list": {
      const item = type.children?.[0]
      const isList = Arrow.DataType.isList(type) || Arrow.DataType.isLargeList(type)
        || Arrow.DataType.isFixedSizeList(type)
      return isList && item !== undefined && isEncodingOf(item.type, column.of)
    }
    case "struct": {
      const children = type.children ?? []
      return Arrow.DataType.isStruct(type) && Object.entries(column.fields).every(([name, field]) => {
        const child = children.find((child) => child.name === name)
        return child !== undefined && isEncodingOf(child.type, field)
      })
    }
    default:
      return isStoredAs(type, column)
  }
}
