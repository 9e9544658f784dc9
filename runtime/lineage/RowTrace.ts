/**
 * Where a row came from, or what came of it: row by row through the tables that the nodes of a run really read, by the ids
 * that a table shares with the one it was computed from. Of an input only the columns are read that the node declares.
 */
import * as Effect from "effect/Effect"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import type * as Column from "../../artifacts/Column.ts"
import type { Table } from "../../artifacts/Table.ts"
import type * as TableType from "../../artifacts/TableType.ts"
import { inputType, type Pipeline } from "../pipeline/Pipeline.ts"
import { Catalog } from "./Catalog.ts"
import type { InputRow } from "./CatalogRows.ts"
import { nodeState } from "./History.ts"
import { joinIndex, RowIndex } from "./RowIds.ts"

/** A row of a node's output, with what it was computed from or what was computed from it. */
export interface TracedRow {
  readonly node: string
  readonly kind: string
  readonly artifact: string
  /** Name of its table type. */
  readonly table: string
  /** From 1. */
  readonly row: number
  readonly of: number
  /** Of the row asked about all columns; of one that entered another those that the reader declares. */
  readonly columns: Column.Fields
  readonly values: Readonly<Record<string, unknown>>
  /** Of a node that reads files: the content of each, by config field, and the line that the row was read from. */
  readonly files: Readonly<Record<string, string>>
  readonly line?: number
  /** Whether what is beyond it is told where it came up before. */
  readonly again: boolean
  readonly links: ReadonlyArray<RowLink>
}

/** From a row to an input that it was computed from, or (down) to an output that was computed from it. */
export interface RowLink {
  readonly input: string
  readonly node: string
  readonly artifact: string
  /** The shared ids that the rows were found by; none: the whole table may have entered. */
  readonly by: ReadonlyArray<string>
  readonly rows: ReadonlyArray<TracedRow>
  /** Found, and not followed. */
  readonly more: number
  /** How many rows of the input have the same value in a shared id that is coarser. */
  readonly group?: { readonly by: string; readonly rows: number }
}

export interface TraceOptions {
  readonly pipeline: Pipeline
  readonly run: string
  readonly node: string
  /** From 0. */
  readonly row: number
  /** How many rows are followed into each input. */
  readonly limit: number
}

/** Where a row of a node's output came from. */
export const traceUp = Effect.fn("RowTrace.traceUp")(function*(options: TraceOptions) {
  const { limit, pipeline, run } = options
  const tables = yield* runTables(pipeline, run)
  const seen = new Set<string>()

  const visit = Effect.fnUntraced(function*(
    node: string,
    row: number,
    columns: ReadonlyArray<string> | undefined
  ): Effect.fn.Return<TracedRow, TraceError, TraceServices> {
    const described = yield* tables.describeRow(node, row, columns)
    const again = seen.has(`${node} ${row}`)
    seen.add(`${node} ${row}`)
    const links: Array<RowLink> = []
    if (!again) {
      for (const input of yield* tables.inputsOf(node)) {
        const declared = tables.declaredColumns(node, input.input)
        const { by, found, group } = yield* tables.upstreamRows(node, row, input, declared)
        const rows = yield* Effect.forEach(found.slice(0, limit), (row) => visit(input.source, row, declared))
        const { artifact, input: name, source } = input
        const more = found.length - rows.length
        links.push({ input: name, node: source, artifact, by, rows, more, ...(group === undefined ? {} : { group }) })
      }
    }
    return { ...described, again: again && (yield* tables.inputsOf(node)).length > 0, links }
  })
  return yield* visit(options.node, options.row, undefined)
})

/** What was computed in the run from a row of a node's output. */
export const traceDown = Effect.fn("RowTrace.traceDown")(function*(options: TraceOptions) {
  const { limit, pipeline, run } = options
  const tables = yield* runTables(pipeline, run)
  const seen = new Set<string>()

  const visit = Effect.fnUntraced(
    function*(node: string, row: number): Effect.fn.Return<TracedRow, TraceError, TraceServices> {
      const described = yield* tables.describeRow(node, row, node === options.node ? undefined : tables.scalars(node))
      const readers = yield* tables.readersOf(node)
      const again = seen.has(`${node} ${row}`)
      seen.add(`${node} ${row}`)
      const links: Array<RowLink> = []
      for (const input of again ? [] : readers) {
        const declared = tables.declaredColumns(input.node, input.input)
        const output = yield* tables.artifactOf(input.node)
        if (output === undefined) continue
        const { by, found } = yield* tables.downstreamRows(row, input, declared)
        const rows = yield* Effect.forEach(found.slice(0, limit), (row) => visit(input.node, row))
        const more = found.length - rows.length
        links.push({ input: input.input, node: input.node, artifact: output, by, rows, more })
      }
      return { ...described, again: again && readers.length > 0, links }
    }
  )
  return yield* visit(options.node, options.row)
})

type TraceServices = ArtifactStore | Catalog
type TraceError = Effect.Error<ReturnType<RunTables["describeRow"]>>
type RunTables = Effect.Success<ReturnType<typeof runTables>>

/** The tables of a run, opened a column at a time, with the indexes that rows are found by. */
const runTables = Effect.fnUntraced(function*(pipeline: Pipeline, run: string) {
  const catalog = yield* Catalog
  const store = yield* ArtifactStore
  const indexes = new Map<string, RowIndex>()
  const cached = <A, E, R>(make: (name: string) => Effect.Effect<A, E, R>) => {
    const known = new Map<string, A>()
    return Effect.fnUntraced(function*(name: string) {
      const value = known.get(name)
      if (value !== undefined) return value
      const made = yield* make(name)
      known.set(name, made)
      return made
    })
  }
  const state = cached((node) => Effect.map(nodeState(run, node), (found) => ({ found })))
  const described = cached((digest) => store.describe(digest))
  const opened = cached((place) => {
    const [digest = "", ...columns] = place.split("\n")
    return store.open(digest, columns)
  })
  const open = (digest: string, columns: ReadonlyArray<string>) => opened([digest, ...columns].join("\n"))
  const readers = cached(() => Effect.map(catalog.inputs(run), (inputs) => Map.groupBy(inputs, ({ source }) => source)))

  const artifactOf = Effect.fnUntraced(function*(node: string) {
    return (yield* state(node)).found?.execution.output ?? undefined
  })
  const declaredOutput = (node: string): Column.Fields => pipeline.byName.get(node)?.node.output.columns ?? {}

  /** The id columns of a node's output, in the order in which it has them. */
  const idsOf = Effect.fnUntraced(function*(node: string, digest: string) {
    const { columns } = yield* described(digest)
    const declared = declaredOutput(node)
    return Object.keys(columns).filter((name) => declared[name]?.id === true)
  })

  const indexOf = (digest: string, table: Table<TableType.Any>) => (columns: ReadonlyArray<string>): RowIndex => {
    const name = [digest, ...columns].join("\n")
    const known = indexes.get(name)
    if (known !== undefined) return known
    const made = new RowIndex(table, columns)
    indexes.set(name, made)
    return made
  }

  /** The ids that a node's output shares with what it read of an input. */
  const shared = Effect.fnUntraced(function*(input: InputRow, output: string, declared: ReadonlyArray<string>) {
    const above = yield* idsOf(input.source, input.artifact)
    const below = new Set(yield* idsOf(input.node, output))
    return above.filter((name) => declared.includes(name) && below.has(name))
  })

  return {
    artifactOf,
    inputsOf: Effect.fnUntraced(function*(node: string) {
      return (yield* state(node)).found?.inputs ?? []
    }),
    readersOf: Effect.fnUntraced(function*(node: string) {
      return (yield* readers("")).get(node) ?? []
    }),
    /** The columns that a node declares to read of an input; of a node that the file has no more, none. */
    declaredColumns: (node: string, input: string): ReadonlyArray<string> => {
      const instance = pipeline.byName.get(node)
      return Object.keys(instance === undefined ? {} : inputType(instance.node, input)?.columns ?? {})
    },
    /** The columns of a node's output that hold one value each. */
    scalars: (node: string): ReadonlyArray<string> =>
      Object.entries(declaredOutput(node)).flatMap(([name, { kind }]) =>
        kind === "list" || kind === "struct" ? [] : [name]
      ),
    describeRow: Effect.fnUntraced(function*(node: string, row: number, columns: ReadonlyArray<string> | undefined) {
      const { found } = yield* state(node)
      const artifact = found?.execution.output ?? ""
      const { columns: stored, numRows, table } = yield* described(artifact)
      const shown = columns ?? Object.keys(stored)
      const files = found?.key?.files ?? {}
      const hasLine = Object.keys(files).length > 0 && "line" in stored
      const opened = yield* open(artifact, hasLine ? [...shown, "line"] : shown)
      const types = Object.entries(opened.type.columns).filter(([name]) => shown.includes(name))
      const line = hasLine ? opened.column("line")[row] : undefined
      return {
        node,
        kind: found?.execution.kind ?? node,
        artifact,
        table,
        row: row + 1,
        of: numRows,
        columns: Object.fromEntries(types),
        values: Object.fromEntries(types.map(([name]) => [name, opened.column(name)[row]])),
        files,
        ...(typeof line === "number" ? { line } : {})
      }
    }),
    upstreamRows: Effect.fnUntraced(
      function*(node: string, row: number, input: InputRow, declared: ReadonlyArray<string>) {
        const output = (yield* artifactOf(node)) ?? ""
        const ids = yield* shared(input, output, declared)
        const above = yield* open(input.artifact, ids)
        const below = yield* open(output, ids)
        const index = joinIndex(ids, indexOf(input.artifact, above))
        if (index === undefined) return { by: ids, found: [] }
        const valueOf = (name: string) => below.column(name)[row]
        const found = index.find(index.columns.map(valueOf))
        const coarser = ids.filter((name) => !index.columns.includes(name)).map((by) => ({
          by,
          rows: indexOf(input.artifact, above)([by]).find([valueOf(by)]).length
        })).find(({ rows }) => rows > found.length)
        return { by: index.columns, found, ...(coarser === undefined ? {} : { group: coarser }) }
      }
    ),
    downstreamRows: Effect.fnUntraced(function*(row: number, input: InputRow, declared: ReadonlyArray<string>) {
      const output = (yield* artifactOf(input.node)) ?? ""
      const ids = yield* shared(input, output, declared)
      const above = yield* open(input.artifact, ids)
      const below = yield* open(output, ids)
      const by = joinIndex(ids, indexOf(input.artifact, above))?.columns
      if (by === undefined) return { by: ids, found: [] }
      return { by, found: indexOf(output, below)(by).find(by.map((name) => above.column(name)[row])) }
    })
  }
})
