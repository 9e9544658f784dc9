/** The progress of a mapped node, from what its partitions report, several of which may run at once. */
import type * as Effect from "effect/Effect"
import type { Progress } from "../pipeline/Node.ts"

export interface MappedProgress {
  /** What a partition of so many rows reports to. */
  readonly of: (partition: number, rows: number) => (progress: Progress) => Effect.Effect<void>
  /** A partition is done, whether executed or cached. */
  readonly done: (partition: number) => void
}

/**
 * In the unit that the partitions report. Those that have not begun are taken to need as much per row as the others.
 *
 * @param rows of all partitions; undefined while that is not known
 */
export const mappedProgress = (
  rows: () => number | undefined,
  report: (progress: Progress) => Effect.Effect<void>
): MappedProgress => {
  const partitions = new Map<number, { readonly rows: number; readonly done: number; readonly total: number }>()
  const sum = (part: "rows" | "done" | "total") => [...partitions.values()].reduce((sum, each) => sum + each[part], 0)
  return {
    of: (partition, partitionRows) => ({ done, total, ...rest }) => {
      partitions.set(partition, { rows: partitionRows, done, total })
      const known = sum("rows")
      const scale = known === 0 ? 1 : Math.max(1, (rows() ?? known) / known)
      return report({ ...rest, done: sum("done"), total: Math.round(sum("total") * scale) })
    },
    done: (partition) => {
      const last = partitions.get(partition)
      if (last !== undefined) partitions.set(partition, { ...last, done: last.total })
    }
  }
}
