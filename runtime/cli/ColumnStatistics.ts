/** What the values of a column are like, in a few numbers. */
import type * as Column from "../../artifacts/Column.ts"

/** Of numbers, the values; of text, lists and structures, their lengths. */
export interface ColumnStatistics {
  readonly nulls: number
  readonly min?: number
  readonly mean?: number
  readonly max?: number
  /** Of text, how many different values there are. */
  readonly distinct?: number
  /** Of truth values, the fraction that is true. */
  readonly fractionTrue?: number
}

export const columnStatistics = (column: Column.Any, values: Iterable<unknown>): ColumnStatistics => {
  let nulls = 0
  let trues = 0
  let measured = 0
  let sum = 0
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  const distinct = new Set<unknown>()
  for (const value of values) {
    if (value === null || value === undefined) {
      nulls++
      continue
    }
    if (value === true) trues++
    if (typeof value === "string") distinct.add(value)
    const size = measure(value)
    if (size === undefined || Number.isNaN(size)) continue
    measured++
    sum += size
    min = Math.min(min, size)
    max = Math.max(max, size)
  }
  return {
    nulls,
    ...(column.kind === "bool" && measured > 0 ? { fractionTrue: trues / measured } : {}),
    ...(column.kind === "utf8" || column.kind === "digest" ? { distinct: distinct.size } : {}),
    ...(column.kind !== "bool" && measured > 0 ? { min, mean: sum / measured, max } : {})
  }
}

const measure = (value: unknown): number | undefined => {
  if (typeof value === "number") return value
  if (typeof value === "boolean") return value ? 1 : 0
  if (typeof value === "string" || Array.isArray(value)) return value.length
  return ArrayBuffer.isView(value) && "length" in value && typeof value.length === "number" ? value.length : undefined
}

/** Whether the statistics of a column are about lengths rather than values. */
export const measuresLength = ({ kind }: Column.Any): boolean => kind === "utf8" || kind === "digest" || kind === "list"
