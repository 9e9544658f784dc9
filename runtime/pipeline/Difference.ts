import { canonicalJson, type Json } from "../../artifacts/CanonicalJson.ts"
import type { NodeKey, OwnKey } from "./Key.ts"

/** The parts of a key that can differ, by the names that plan, events and documentation use. */
export type DifferenceReason = "code" | "config" | "input" | "file" | "environment" | "package" | "numerics"

/** One difference between two keys. */
export interface Difference {
  readonly reason: DifferenceReason
  /** What differs: a declaration in a source file, a config field, an input's column, an environment variable, a package. */
  readonly what: string
  readonly change: "added" | "removed" | "changed"
  /** The values, where they say something to a reader (digests do not). */
  readonly before?: string
  readonly after?: string
}

/**
 * Why two keys differ, part by part; empty exactly when their digests are equal. Where the new inputs are not yet known
 * they are left out of the comparison.
 */
export const explainDifference = (
  before: NodeKey,
  after: OwnKey & { readonly inputs?: NodeKey["inputs"] }
): ReadonlyArray<Difference> => [
  ...codeDifferences(before, after),
  ...recordDifferences("config", before.config, after.config, shown),
  ...(after.inputs === undefined ? [] : inputDifferences(before.inputs, after.inputs)),
  ...recordDifferences("file", before.files, after.files),
  ...recordDifferences("environment", before.environment ?? {}, after.environment ?? {}),
  ...recordDifferences("package", before.packages, after.packages, shown),
  ...recordDifferences("numerics", before.numerics ?? {}, after.numerics ?? {}, shown)
]

/** A difference as a fragment of a sentence: `lambda 1 -> 0.5`, `nodes/EntropyScore.ts changed`. */
export const renderDifference = ({ after, before, change, what }: Difference): string => {
  if (before !== undefined && after !== undefined) return `${what} ${before} -> ${after}`
  const value = after ?? before
  return value === undefined ? `${what} ${change}` : `${what} ${change} (${value})`
}

const codeDifferences = (before: NodeKey, after: OwnKey): ReadonlyArray<Difference> => {
  const differences: Array<Difference> = []
  if (before.node !== after.node) {
    differences.push({ reason: "code", what: "node", change: "changed", before: before.node, after: after.node })
  }
  if (before.code.digest !== after.code.digest) {
    const parts = partDifferences(before.code.parts, after.code.parts)
    // Equal parts in another order.
    differences.push(...(parts.length > 0 ? parts : [changed("code", "the order of its code")]))
  }
  if (before.output !== after.output) {
    differences.push(changed("code", "its output table"))
  }
  return differences
}

/** `branchingEntropy() in nodes/EntropyScore.ts`; a file alone where all of it is new or gone, or it is no code. */
const partDifferences = (before: NodeKey["code"]["parts"], after: OwnKey["code"]["parts"]): ReadonlyArray<Difference> =>
  compare(before, after).flatMap(({ after, before, name: file }): ReadonlyArray<Difference> => {
    if (before === undefined || after === undefined) return [oneSided("code", file, before === undefined)]
    if (typeof before === "string" || typeof after === "string") {
      return before === after ? [] : [changed("code", file)]
    }
    return recordDifferences("code", before, after).map((difference) => ({
      ...difference,
      what: `${difference.what} in ${file}`
    }))
  })

const inputDifferences = (before: NodeKey["inputs"], after: NodeKey["inputs"]): ReadonlyArray<Difference> =>
  compare(before, after).flatMap(({ after: tablesAfter, before: tablesBefore, name }) =>
    tablesBefore === undefined || tablesAfter === undefined
      ? [oneSided("input", name, tablesBefore === undefined)]
      : tableDifferences(name, tablesBefore, tablesAfter)
  )

type Digests = Readonly<Record<string, string>>

const tableDifferences = (
  input: string,
  before: ReadonlyArray<Digests>,
  after: ReadonlyArray<Digests>
): ReadonlyArray<Difference> => {
  const count = Math.max(before.length, after.length)
  return Array.from({ length: count }, (_, index) => index).flatMap((index) => {
    const table = count === 1 ? input : `${input}[${index}]`
    const [columnsBefore, columnsAfter] = [before[index], after[index]]
    return columnsBefore === undefined || columnsAfter === undefined
      ? [oneSided("input", table, columnsBefore === undefined)]
      : compare(columnsBefore, columnsAfter).flatMap(({ after, before, name }) =>
        before === after ? [] : [
          before === undefined || after === undefined
            ? oneSided("input", `${table}.${name}`, before === undefined)
            : changed("input", `${table}.${name}`)
        ]
      )
  })
}

const recordDifferences = (
  reason: DifferenceReason,
  before: Readonly<Record<string, Json>>,
  after: Readonly<Record<string, Json>>,
  show?: (value: Json) => string
): ReadonlyArray<Difference> =>
  compare(before, after).flatMap(({ after, before, name }): ReadonlyArray<Difference> => {
    if (before !== undefined && after !== undefined && canonicalJson(before) === canonicalJson(after)) return []
    const difference = before === undefined || after === undefined
      ? oneSided(reason, name, before === undefined)
      : changed(reason, name)
    return [{
      ...difference,
      ...(before === undefined || show === undefined ? {} : { before: show(before) }),
      ...(after === undefined || show === undefined ? {} : { after: show(after) })
    }]
  })

/** The entries of two records side by side. Only own properties count: a field may be called `constructor`. */
const compare = <A>(before: Readonly<Record<string, A>>, after: Readonly<Record<string, A>>) =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].map((name) => ({
    name,
    before: Object.hasOwn(before, name) ? before[name] : undefined,
    after: Object.hasOwn(after, name) ? after[name] : undefined
  }))

const changed = (reason: DifferenceReason, what: string): Difference => ({ reason, what, change: "changed" })

const oneSided = (reason: DifferenceReason, what: string, isNew: boolean): Difference => ({
  reason,
  what,
  change: isNew ? "added" : "removed"
})

const shown = (value: Json): string => {
  const text = typeof value === "string" ? value : canonicalJson(value)
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`
}
