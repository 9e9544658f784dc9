import * as Arrow from "apache-arrow"
import * as Effect from "effect/Effect"
import type { Chunk } from "./ArrowChunk.ts"
import { arrowSchema, isEncodingOf, isStoredAs } from "./ArrowSchema.ts"
import { checkChunk } from "./CheckChunk.ts"
import * as Column from "./Column.ts"
import { columnBuilder } from "./ColumnBuilder.ts"
import { readChunk } from "./ColumnReader.ts"
import { TableMismatch, UnexpectedValue } from "./TableMismatch.ts"
import type * as TableType from "./TableType.ts"

/** Rows per record batch, and the bytes of one column after which a batch ends early (Arrow offsets are 32 bits). */
const batchRows = 65_536
const batchBytes = 2 ** 28

/**
 * Rows of a declared type, held as Arrow columns. Immutable: the typed arrays it hands out are views of its buffers, so
 * copy one before writing to it or transferring it to a worker.
 */
export class Table<T extends TableType.Any> {
  readonly type: T
  /** The same rows for any Arrow library. Its columns are the type's, in order. */
  readonly arrow: Arrow.Table
  readonly #values = new Map<string, ReadonlyArray<unknown>>()
  #rows: ReadonlyArray<TableType.Row<T>> | undefined

  private constructor(type: T, arrow: Arrow.Table) {
    this.type = type
    this.arrow = arrow
  }

  /** A table of the rows; what they hold beside the type's columns is left out. */
  static readonly fromRows = <T extends TableType.Any>(
    type: T,
    rows: Iterable<TableType.Row<T>>
  ): Effect.Effect<Table<T>, TableMismatch> =>
    attempt(() => {
      const builders = Object.entries(type.columns).map(([name, column]) => ({ name, builder: columnBuilder(column) }))
      const batches: Array<ReadonlyArray<Chunk>> = []
      let inBatch = 0
      let index = 0
      const endBatch = () => {
        batches.push(builders.map(({ builder }) => builder.finish()))
        inBatch = 0
      }
      for (const row of rows) {
        const record: { readonly [name: string]: unknown } = row
        for (const { name, builder } of builders) {
          attribute(type, name, index, () => builder.append(record[name]))
        }
        index++
        inBatch++
        if (inBatch === batchRows || builders.some(({ builder }) => builder.byteLength() > batchBytes)) endBatch()
      }
      if (inBatch > 0) endBatch()
      return new Table(type, assemble(type, batches))
    })

  /**
   * An Arrow table as a table of the type: its columns are found by name, checked, and kept without copying; other
   * encodings of the same values (dictionaries, large offsets, views) are rewritten. Columns beyond the type's are
   * left out.
   */
  static readonly fromArrow = <T extends TableType.Any>(
    type: T,
    arrow: Arrow.Table
  ): Effect.Effect<Table<T>, TableMismatch> =>
    attempt(() => {
      const batches = arrow.batches.filter((batch) => batch.numRows > 0).map((): Array<Chunk> => [])
      for (const [name, column] of Object.entries(type.columns)) {
        let row = 0
        let position = 0
        const field = arrow.schema.fields.findIndex((field) => field.name === name)
        const found = arrow.schema.fields[field]
        if (found === undefined) throw mismatch(type, name, undefined, Column.render(column), "no such column")
        if (!isStoredAs(found.type, column) && !isEncodingOf(found.type, column)) {
          throw mismatch(type, name, undefined, Column.render(column), `Arrow ${String(found.type)}`)
        }
        for (const batch of arrow.batches) {
          if (batch.numRows === 0) continue
          const given = batch.data.children[field]
          if (given === undefined || given.length !== batch.numRows) {
            throw mismatch(type, name, row, `${batch.numRows} rows`, `${given?.length ?? 0}`)
          }
          const chunk = isStoredAs(found.type, column) ? given : rewrite(type, name, column, given, row)
          batches[position++]?.push(checkedChunk(type, name, column, chunk, row))
          row += batch.numRows
        }
      }
      return new Table(type, assemble(type, batches))
    })

  /**
   * A table of chunks of Arrow data, per batch one for each column of the type, in order. They are checked, and kept without
   * copying.
   */
  static readonly fromChunks = <T extends TableType.Any>(
    type: T,
    batches: ReadonlyArray<ReadonlyArray<Chunk>>
  ): Effect.Effect<Table<T>, TableMismatch> =>
    attempt(() => {
      for (const [position, [name, column]] of Object.entries(type.columns).entries()) {
        let row = 0
        for (const batch of batches) {
          const chunk = batch[position]
          if (chunk === undefined) throw mismatch(type, name, row, "a chunk per batch", "none")
          checkedChunk(type, name, column, chunk, row)
          row += chunk.length
        }
      }
      return new Table(type, assemble(type, batches))
    })

  get numRows(): number {
    return this.arrow.numRows
  }

  /** The values of a column, in row order. */
  readonly column = <Name extends TableType.ColumnName<T>>(
    name: Name
  ): ReadonlyArray<Column.Value<T["columns"][Name]>> =>
    // The builder and the checks of `fromArrow` let in nothing but values of the column's type.
    this.#columnValues(name) as ReadonlyArray<Column.Value<T["columns"][Name]>>

  /** The rows. Made once: a column at a time is cheaper where one or two are needed. */
  readonly rows = (): ReadonlyArray<TableType.Row<T>> => {
    if (this.#rows === undefined) {
      const columns = Object.keys(this.type.columns).map((name) => [name, this.#columnValues(name)] as const)
      const rows = Array.from(
        { length: this.numRows },
        (_, index) => Object.fromEntries(columns.map(([name, values]) => [name, values[index]]))
      )
      // Every column of the type, with values of its type, as in `column`.
      this.#rows = rows as ReadonlyArray<unknown> as ReadonlyArray<TableType.Row<T>>
    }
    return this.#rows
  }

  /** This table with the columns of another type, in its order, sharing the buffers. */
  readonly project = <U extends TableType.Any>(type: U): Effect.Effect<Table<U>, TableMismatch> => {
    const own: Column.Fields = this.type.columns
    const names = Object.keys(own)
    const columns = Object.entries<Column.Any>(type.columns)
    // What this table's columns were checked for holds of them in another table too.
    const fits = columns.every(([name, column]) => own[name] !== undefined && Column.satisfies(own[name], column))
    if (!fits) return Table.fromArrow(type, this.arrow)
    const positions = columns.map(([name]) => names.indexOf(name))
    const batches = this.arrow.batches.filter(({ numRows }) => numRows > 0).map(({ data }) =>
      positions.flatMap((position) => data.children[position] ?? [])
    )
    return Effect.sync(() => new Table(type, assemble(type, batches)))
  }

  /** The Arrow data of a column, a chunk per record batch. */
  readonly chunks = (name: string): ReadonlyArray<Chunk> => {
    const position = Object.keys(this.type.columns).indexOf(name)
    if (position < 0) {
      throw new RangeError(
        `Table ${this.type.name} has no column "${name}"; it has ${Object.keys(this.type.columns).join(", ")}.`
      )
    }
    return this.arrow.batches.flatMap((batch) => {
      const chunk = batch.numRows === 0 ? undefined : batch.data.children[position]
      return chunk === undefined ? [] : [chunk]
    })
  }

  #columnValues(name: string): ReadonlyArray<unknown> {
    let values = this.#values.get(name)
    if (values === undefined) {
      const chunks = this.chunks(name)
      const columns: Column.Fields = this.type.columns
      const column = columns[name]
      values = column === undefined ? [] : chunks.flatMap((chunk) => readChunk(column, chunk))
      this.#values.set(name, values)
    }
    return values
  }
}

/** The chunk, when it holds what the column may hold. */
const checkedChunk = (type: TableType.Any, name: string, column: Column.Any, chunk: Chunk, firstRow: number): Chunk => {
  const wrong = checkChunk(column, chunk)
  if (wrong === undefined) return chunk
  const at = wrong.index === undefined ? undefined : firstRow + wrong.index
  throw mismatch(type, `${name}${wrong.fault.path}`, at, wrong.fault.expected, wrong.fault.found)
}

/** Batches of chunks, a chunk per column, as an Arrow table with the type's own schema. */
const assemble = (type: TableType.Any, batches: ReadonlyArray<ReadonlyArray<Chunk>>): Arrow.Table => {
  const schema = arrowSchema(type)
  const struct = new Arrow.Struct(schema.fields)
  return new Arrow.Table(
    schema,
    batches.map((chunks) => {
      const data = Arrow.makeData({ type: struct, length: chunks[0]?.length ?? 0, nullCount: 0, children: [...chunks] })
      return new Arrow.RecordBatch(schema, data)
    })
  )
}

/** A chunk in another encoding, stored the usual way. */
const rewrite = (type: TableType.Any, name: string, column: Column.Any, given: Chunk, firstRow: number): Chunk => {
  const builder = columnBuilder(column)
  const vector = new Arrow.Vector([given])
  for (let index = 0; index < vector.length; index++) {
    attribute(type, name, firstRow + index, () => builder.append(plain(vector.get(index))))
  }
  return builder.finish()
}

/** A value that Arrow JS read, with its vectors and row proxies as arrays and objects. */
const plain = (value: unknown): unknown => {
  if (value instanceof Arrow.Vector) return Array.from(value, plain)
  if (value instanceof Arrow.StructRow) {
    return Object.fromEntries(Array.from(value, ([key, field]) => [key, plain(field)]))
  }
  return value
}

const mismatch = (
  type: TableType.Any,
  column: string,
  row: number | undefined,
  expected: string,
  found: string
): TableMismatch =>
  new TableMismatch({ table: type.name, column, ...(row === undefined ? {} : { row }), expected, found })

/** Runs `step`, saying of a value that it refuses in which row and column that was. */
const attribute = (type: TableType.Any, column: string, row: number, step: () => void): void => {
  try {
    step()
  } catch (error) {
    if (!(error instanceof UnexpectedValue)) throw error
    throw mismatch(type, `${column}${error.path}`, row, error.expected, error.found)
  }
}

/** The synchronous work as an Effect: a TableMismatch that it throws is its error, anything else a defect. */
const attempt = <A>(work: () => A): Effect.Effect<A, TableMismatch> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(work())
    } catch (error) {
      return error instanceof TableMismatch ? Effect.fail(error) : Effect.die(error)
    }
  })
