/** The answer of `gemflow diff`. */
import * as Effect from "effect/Effect"
import type { RunRow } from "../lineage/CatalogRows.ts"
import { diffArtifacts, type Diffed, diffRuns, NotComparable, resolveDiffed, type RunDiff } from "../lineage/Diff.ts"
import { nodeState } from "../lineage/History.ts"
import type { NamedDifference } from "../lineage/KeyComparison.ts"
import type { TableDiff } from "../lineage/TableDiff.ts"
import { compareMoments, recordedMoment } from "../lineage/Why.ts"

export type DiffAnswer = RunsAnswer | TablesAnswer

export interface RunsAnswer extends Omit<RunDiff, "before" | "after"> {
  readonly kind: "runs"
  readonly before: NamedRun
  readonly after: NamedRun
}

interface NamedRun {
  readonly run: string
  readonly pipeline: string
  readonly settings: ReadonlyArray<string>
  readonly status: string
}

export interface TablesAnswer {
  readonly kind: "tables"
  readonly before: NamedTable
  readonly after: NamedTable
  /** Of two nodes in runs: how their keys differ. */
  readonly differences: ReadonlyArray<NamedDifference>
  /** Absent where the two are one artifact. */
  readonly table?: TableDiff
}

type NamedTable = Omit<Extract<Diffed, { kind: "table" }>, "kind">

export const diffAnswer = Effect.fn("DiffAnswer.diffAnswer")(function*(a: string, b: string, limit: number) {
  const before = yield* resolveDiffed(a)
  const after = yield* resolveDiffed(b)
  if (before.kind === "run" && after.kind === "run") {
    const diff = yield* diffRuns(before.run, after.run, limit)
    return { kind: "runs", ...diff, before: named(before.run), after: named(after.run) } satisfies DiffAnswer
  }
  if (before.kind === "run" || after.kind === "run") {
    const problem =
      `${a} and ${b} are a run and a table. Compare two runs, or name a node's output in the run: NODE@RUN`
    return yield* new NotComparable({ problem })
  }
  const { kind: _, ...first } = before
  const { kind: __, ...second } = after
  const table = first.digest === second.digest
    ? {}
    : { table: yield* diffArtifacts(first.digest, second.digest, limit) }
  const differences = yield* keyDifferences(first, second)
  return { kind: "tables", before: first, after: second, differences, ...table } satisfies DiffAnswer
})

/** Whether nothing differs that a run made: with equal tables, other keys count as equal too. */
export const isEqual = (answer: DiffAnswer): boolean =>
  answer.kind === "tables"
    ? answer.before.digest === answer.after.digest
    : answer.nodes.every(({ change, output }) => change === "changed" && output.before === output.after)

const keyDifferences = Effect.fnUntraced(function*(before: NamedTable, after: NamedTable) {
  if (before.run === undefined || before.node === undefined || after.run === undefined || after.node === undefined) {
    return []
  }
  const a = yield* nodeState(before.run, before.node)
  const b = yield* nodeState(after.run, after.node)
  return a === undefined || b === undefined
    ? []
    : compareMoments(after.node, recordedMoment(a), recordedMoment(b)).differences
})

const named = ({ pipeline, run, settings, status }: RunRow): NamedRun => ({ run, pipeline, settings, status })
