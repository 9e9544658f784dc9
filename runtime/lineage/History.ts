/** What became of one node, run after run. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { NodeKey } from "../pipeline/Key.ts"
import { Catalog } from "./Catalog.ts"
import { type ActionRow, ExecutionRow, ExecutionStatus, InputRow, type RunRow } from "./CatalogRows.ts"
import { asked, hidden } from "./HiddenRows.ts"
import { listedRuns } from "./RunList.ts"

/** A node in a run, with the key that it had there and what it read. */
export interface NodeState {
  readonly execution: ExecutionRow
  /** Absent where the node failed or was skipped, or when its key is of an older layout. */
  readonly key?: NodeKey
  readonly action?: ActionRow
  readonly inputs: ReadonlyArray<InputRow>
}

export const historySql = {
  executions: "SELECT * FROM executions INDEXED BY executions_by_node WHERE node = ? AND key_digest IS NOT NULL",
  count: `SELECT count(*) AS count FROM runs CROSS JOIN executions USING (run)
    WHERE runs.pipeline = ? AND executions.node = ? AND executions.key_digest IS NOT NULL`,
  execution: "SELECT * FROM executions WHERE run = ? AND node = ?",
  sameExecution: "SELECT 1 AS count FROM executions INDEXED BY executions_by_node WHERE node = ? AND +run = ?",
  inputs: "SELECT * FROM execution_inputs WHERE run = ? AND node = ? ORDER BY input, position"
} as const

const Count = Schema.Struct({ count: Schema.Int })

/** An execution in a long list: decoding all of its columns would take most of the time that a question takes. */
const KeyedExecution = Schema.Struct({
  run: Schema.String,
  key_digest: Schema.String,
  output: Schema.NullOr(Schema.String),
  status: ExecutionStatus,
  started_at: Schema.Int
})
export type KeyedExecution = typeof KeyedExecution.Type

/** The executions in which a node had a key, those of the newest run first. */
export const keyedExecutions = Effect.fn("History.keyedExecutions")(function*(pipeline: string, node: string) {
  const catalog = yield* Catalog
  const operation = "list what became of a node"
  const place = new Map<string, number>()
  for (const run of yield* listedRuns) if (run.pipeline === pipeline) place.set(run.run, place.size)
  const ofAllPipelines = yield* catalog.query(operation, KeyedExecution, historySql.executions, node)
  const executions = ofAllPipelines.filter(({ run }) => place.has(run))
  // The same question through another index: a row that a damaged page hides from one of them is missed here.
  const [counted] = yield* catalog.query(operation, Count, historySql.count, pipeline, node)
  if (counted?.count !== executions.length) return yield* hidden(operation, `some of the executions of ${node}`)
  return executions.toSorted((a, b) => (place.get(a.run) ?? 0) - (place.get(b.run) ?? 0))
}, asked)

/** The newest run of a pipeline in which a node had an output. */
export const lastRunOf = Effect.fn("History.lastRunOf")(function*(pipeline: string, node: string) {
  const catalog = yield* Catalog
  const last = (yield* keyedExecutions(pipeline, node)).find(({ output }) => output !== null)
  return last === undefined ? undefined : yield* catalog.run(last.run)
})

/** A node in a run, if it took part. */
export const nodeState = Effect.fn("History.nodeState")(function*(run: string, node: string) {
  const catalog = yield* Catalog
  const operation = "look up a node in a run"
  const [execution] = yield* catalog.query(operation, ExecutionRow, historySql.execution, run, node)
  if (execution !== undefined) return yield* withKey(execution)
  const [elsewhere] = yield* catalog.query(operation, Count, historySql.sameExecution, node, run)
  return elsewhere === undefined ? undefined : yield* hidden(operation, `${node} in run ${run}`)
}, asked)

/** An execution with its key, and what went into it. */
export const withKey = Effect.fn("History.withKey")(function*(execution: ExecutionRow) {
  const catalog = yield* Catalog
  const operation = "look up what a node read"
  const inputs = yield* catalog.query(operation, InputRow, historySql.inputs, execution.run, execution.node)
  const action = execution.key_digest === null ? undefined : yield* catalog.action(execution.key_digest)
  if (action === undefined && execution.key_digest !== null) {
    return yield* hidden(operation, `the key of ${execution.node}`)
  }
  const key = action === undefined ? undefined : Option.getOrUndefined(decodeKey(action.key))
  if (key !== undefined) {
    const wired = Object.values(key.inputs).reduce((sum, tables) => sum + tables.length, 0)
    if (inputs.length !== wired) return yield* hidden(operation, `some of the inputs of ${execution.node}`)
  }
  return {
    execution,
    inputs,
    ...(action === undefined ? {} : { action }),
    ...(key === undefined ? {} : { key })
  } satisfies NodeState
}, asked)

/** What became of each node of a run; all of it, or the catalog is damaged. */
export const runExecutions = Effect.fn("History.runExecutions")(function*(run: RunRow) {
  const catalog = yield* Catalog
  const executions = yield* catalog.executions(run.run)
  const count = (status: ExecutionStatus) => executions.filter((execution) => execution.status === status).length
  const isComplete = run.finished_at === null
    || (count("executed") === run.executed && count("cached") === run.cached && count("failed") === run.failed)
  if (!isComplete) return yield* hidden("list a run's nodes", `some of the nodes of run ${run.run}`)
  return executions
}, asked)

const decodeKey = Schema.decodeUnknownOption(NodeKey)
