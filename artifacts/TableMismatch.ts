import * as Schema from "effect/Schema"

/** Rows or an Arrow table that are not of the table type they were given for. */
export class TableMismatch extends Schema.TaggedError<TableMismatch>()("TableMismatch", {
  /** Name of the table type. */
  table: Schema.String,
  /** Where in the row, from the column on, e.g. `prompt[2].role`. */
  column: Schema.String,
  /** Index of the row, from 0; absent when the column as a whole is wrong. */
  row: Schema.optionalKey(Schema.Int),
  expected: Schema.String,
  found: Schema.String
}) {
  override get message() {
    const where = this.row === undefined ? "" : `, row ${this.row}`
    return `Table ${this.table}, column ${this.column}${where}: expected ${this.expected}, found ${this.found}.`
  }
}

/** A value that a column does not take; whoever knows the table and the row makes a TableMismatch of it. */
export class UnexpectedValue extends Error {
  /** From the column's value inwards, e.g. `[2].role`; empty for the value itself. */
  readonly path: string
  readonly expected: string
  readonly found: string
  constructor(path: string, expected: string, found: string) {
    super(`expected ${expected}, found ${found}`)
    this.path = path
    this.expected = expected
    this.found = found
  }

  /** The same, seen from the list or struct that holds the value. */
  within(step: string): UnexpectedValue {
    return new UnexpectedValue(`${step}${this.path}`, this.expected, this.found)
  }
}

/** A value as an error message shows it: short, whatever it is. */
export const renderValue = (value: unknown): string => {
  if (value === undefined) return "nothing"
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === "function") return "a function"
  if (typeof value === "object" && value !== null) {
    return `a value of type ${Object.prototype.toString.call(value).slice(8, -1)}`
  }
  return String(value)
}
