/** What differs between two runs, or between two outputs of whichever nodes and runs. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { artifactsBeginningWith, resolveArtifact } from "./ArtifactLineage.ts"
import type { ExecutionRow, ExecutionStatus, RunRow } from "./CatalogRows.ts"
import { nodeState, runExecutions } from "./History.ts"
import type { KeyComparison } from "./KeyComparison.ts"
import { resolveRun, runsBeginningWith } from "./RunReference.ts"
import { diffTables, type TableDiff } from "./TableDiff.ts"
import { compareMoments, recordedMoment } from "./Why.ts"

/** Text that names nothing to compare, or two things. */
export class NotComparable extends Schema.TaggedError<NotComparable>()("NotComparable", { problem: Schema.String }) {
  override get message(): string {
    return this.problem
  }
}

/** What a reference means: a run, or a table with the node and run that it is told of. */
export type Diffed =
  | { readonly kind: "run"; readonly run: RunRow }
  | { readonly kind: "table"; readonly digest: string; readonly node?: string; readonly run?: string }

/** `last~1`, the beginning of a run's id or of an artifact's digest, or NODE@RUN. */
export const resolveDiffed = Effect.fn("Diff.resolveDiffed")(function*(reference: string) {
  const at = reference.lastIndexOf("@")
  if (at > 0) {
    const node = reference.slice(0, at)
    const { run } = yield* resolveRun(reference.slice(at + 1))
    const digest = (yield* nodeState(run, node))?.execution.output
    if (digest == null) {
      const problem = `${node} has no output in run ${run}. See what has with: gemflow runs ${run}`
      return yield* new NotComparable({ problem })
    }
    return { kind: "table", digest, node, run } satisfies Diffed
  }
  const isHex = /^[0-9a-f]{4,64}$/.test(reference)
  const artifacts = isHex ? yield* artifactsBeginningWith(reference) : []
  const runs = reference.startsWith("last") ? [] : yield* runsBeginningWith(reference)
  if (artifacts.length > 0 && runs.length > 0) {
    const problem = `${reference} is the beginning of a run (${runs[0]?.run}) and of an artifact `
      + `(${artifacts[0]?.slice(0, 16)}). Name more of its letters.`
    return yield* new NotComparable({ problem })
  }
  if (artifacts.length > 0) return { kind: "table", digest: yield* resolveArtifact(reference) } satisfies Diffed
  return { kind: "run", run: yield* resolveRun(reference) } satisfies Diffed
})

/** One node in two runs. */
export interface NodeDiff extends KeyComparison {
  readonly node: string
  /** `again`: equal keys, and another table all the same. */
  readonly change: "added" | "removed" | "changed" | "again"
  readonly status: { readonly before?: ExecutionStatus; readonly after?: ExecutionStatus }
  readonly output: { readonly before?: string; readonly after?: string }
  /** Where both have a table and these differ. */
  readonly table?: TableDiff
  /** Whether another node reads it: its table is no result. */
  readonly isRead: boolean
}

export interface RunDiff {
  readonly before: RunRow
  readonly after: RunRow
  readonly nodes: ReadonlyArray<NodeDiff>
  /** Nodes with equal keys and tables. */
  readonly same: number
}

/** Two runs, node by node. `limit`: how many rows of each table to name. */
export const diffRuns = Effect.fn("Diff.diffRuns")(function*(before: RunRow, after: RunRow, limit: number) {
  const byNode = (executions: ReadonlyArray<ExecutionRow>) => new Map(executions.map((row) => [row.node, row]))
  const had = byNode(yield* runExecutions(before))
  const has = byNode(yield* runExecutions(after))
  const read = new Set<string>()
  const nodes: Array<Omit<NodeDiff, "isRead">> = []
  let same = 0
  for (const node of new Set([...had.keys(), ...has.keys()])) {
    const [rowBefore, rowAfter] = [had.get(node), has.get(node)]
    const outputs = sides(rowBefore?.output, rowAfter?.output)
    const status = sides(rowBefore?.status, rowAfter?.status)
    const told = { node, status, output: outputs, differences: [], unchanged: {} }
    if (rowBefore === undefined || rowAfter === undefined) {
      nodes.push({ ...told, change: rowBefore === undefined ? "added" : "removed" })
      continue
    }
    const isSame = rowBefore.output === rowAfter.output && rowBefore.key_digest === rowAfter.key_digest
    if (isSame && rowBefore.output !== null) {
      same++
      continue
    }
    const [a, b] = [yield* nodeState(before.run, node), yield* nodeState(after.run, node)]
    for (const { source } of [...a?.inputs ?? [], ...b?.inputs ?? []]) read.add(source)
    if (a === undefined || b === undefined) continue
    const { differences, unchanged, verdict } = compareMoments(node, recordedMoment(a), recordedMoment(b))
    const table = rowBefore.output === null || rowAfter.output === null || rowBefore.output === rowAfter.output
      ? {}
      : { table: yield* diffArtifacts(rowBefore.output, rowAfter.output, limit) }
    nodes.push({ ...told, differences, unchanged, change: verdict === "again" ? "again" : "changed", ...table })
  }
  return {
    before,
    after,
    nodes: nodes.map((node) => ({ ...node, isRead: read.has(node.node) })),
    same
  } satisfies RunDiff
})

/** Two stored tables. */
export const diffArtifacts = Effect.fn("Diff.diffArtifacts")(function*(before: string, after: string, limit: number) {
  const store = yield* ArtifactStore
  const opened = Effect.fnUntraced(function*(digest: string) {
    const { columns } = yield* store.describe(digest)
    return { table: yield* store.open(digest), columns }
  })
  return diffTables(yield* opened(before), yield* opened(after), limit)
})

/** What of two sides is there. */
const sides = <A>(before: A | null | undefined, after: A | null | undefined) => ({
  ...(before === null || before === undefined ? {} : { before }),
  ...(after === null || after === undefined ? {} : { after })
})
