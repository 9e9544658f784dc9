/** Two keys of a node side by side: what differs, by the names that plan uses, and what does not. Pure. */
import { canonicalJson, type Json } from "../../artifacts/CanonicalJson.ts"
import { type Difference, type DifferenceReason, explainDifference } from "../pipeline/Difference.ts"
import type { NodeKey, OwnKey } from "../pipeline/Key.ts"

/** A key, the inputs of which may not be known yet. */
export type ComparedKey = OwnKey & { readonly inputs?: NodeKey["inputs"] }

/** The instances that each input is wired to, in order. */
export type Wiring = Readonly<Record<string, ReadonlyArray<string>>>

/** A difference; of an input's column, with the instance that makes the column. */
export interface NamedDifference extends Difference {
  readonly source?: string
  readonly column?: string
}

/** What has the same value in both keys, by reason: names, with the value where that says something. */
export type Unchanged = Readonly<Partial<Record<DifferenceReason, ReadonlyArray<string>>>>

export interface KeyComparison {
  readonly differences: ReadonlyArray<NamedDifference>
  readonly unchanged: Unchanged
}

/** Compares the key that a node had before with the one it has after. `wiring` is that of the one after. */
export const compareKeys = (before: NodeKey, after: ComparedKey, wiring: Wiring): KeyComparison => {
  const columnsBefore = inputColumns(before.inputs)
  const columnsAfter = inputColumns(after.inputs ?? {})
  const sourceOf = ({ index, input }: InputColumn) => wiring[input]?.[index]
  const differences = explainDifference(before, after).map((difference): NamedDifference => {
    if (difference.reason !== "input") return difference
    const column = columnsAfter.get(difference.what) ?? columnsBefore.get(difference.what)
    const source = column === undefined ? undefined : sourceOf(column)
    return column === undefined || source === undefined ? difference : { ...difference, source, column: column.column }
  })
  const sameColumns = [...columnsAfter].flatMap(([what, column]) =>
    columnsBefore.get(what)?.digest === column.digest ? [`${sourceOf(column) ?? column.input}.${column.column}`] : []
  )
  const parts: ReadonlyArray<readonly [DifferenceReason, ReadonlyArray<string>]> = [
    ["code", same(before.code.parts, after.code.parts)],
    ["config", same(before.config, after.config, (name, value) => `${name} ${short(value)}`)],
    ["input", sameColumns],
    ["file", same(before.files, after.files)],
    ["environment", same(before.environment ?? {}, after.environment ?? {})],
    ["package", same(before.packages, after.packages, (name, version) => `${name} ${short(version)}`)],
    ["numerics", same(before.numerics ?? {}, after.numerics ?? {}, (name, value) => `${name} ${short(value)}`)]
  ]
  return { differences, unchanged: Object.fromEntries(parts.filter(([, names]) => names.length > 0)) }
}

interface InputColumn {
  readonly input: string
  readonly index: number
  readonly column: string
  readonly digest: string
}

/** The columns that a key holds, by the name that a difference gives each. */
const inputColumns = (inputs: NodeKey["inputs"]): ReadonlyMap<string, InputColumn> =>
  new Map(
    Object.entries(inputs).flatMap(([input, tables]) =>
      tables.flatMap((table, index) =>
        Object.entries(table).map(([column, digest]) => {
          const name = tables.length === 1 ? input : `${input}[${index}]`
          return [`${name}.${column}`, { input, index, column, digest }] as const
        })
      )
    )
  )

type Fields = Readonly<Record<string, Json>>

const same = (
  before: Fields,
  after: Fields,
  show: (name: string, value: Json) => string = (name) => name
): ReadonlyArray<string> =>
  Object.entries(before).flatMap(([name, value]) => {
    const other = Object.hasOwn(after, name) ? after[name] : undefined
    return other !== undefined && canonicalJson(other) === canonicalJson(value) ? [show(name, value)] : []
  })

const short = (value: Json): string => {
  const text = typeof value === "string" ? value : canonicalJson(value)
  return text.length <= 40 ? text : `${text.slice(0, 39)}…`
}
