/** The answers of `gemflow why`, as `--json` prints them. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { planningEnvironment } from "../execution/PlanningEnvironment.ts"
import { renderReasons } from "../execution/Reasons.ts"
import { Catalog } from "../lineage/Catalog.ts"
import type { RunRow } from "../lineage/CatalogRows.ts"
import { type KeyedExecution, keyedExecutions, nodeState } from "../lineage/History.ts"
import { compareKeys, type Unchanged } from "../lineage/KeyComparison.ts"
import { resolveRun } from "../lineage/RunReference.ts"
import { explainChange, inRun, type Moment, type NodeChange } from "../lineage/Why.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { plan } from "../pipeline/Plan.ts"
import { select } from "../pipeline/Select.ts"

/** `--between` without two runs. */
export class MalformedBetween extends Schema.TaggedError<MalformedBetween>()("MalformedBetween", {
  given: Schema.String
}) {
  override get message(): string {
    return `--between ${this.given} does not name two runs. Write them with two dots between: --between last~1..last`
  }
}

/** A node that took no part in a run. */
export class NotInRun extends Schema.TaggedError<NotInRun>()("NotInRun", { node: Schema.String, run: Schema.String }) {
  override get message(): string {
    return `${this.node} took no part in run ${this.run}. See what did with: gemflow runs ${this.run}`
  }
}

export interface WhyAnswer {
  readonly node: string
  /** `stale`, `cached` and `never-run` of what a run would do now; else what became of the node in the run asked about. */
  readonly status: Moment["status"] | "never-run"
  /** Why, by the names that plan uses, each with what it rests on. */
  readonly reasons: ReadonlyArray<string>
  readonly details: ReadonlyArray<string>
  /** The run whose key is compared with, and the one that is asked about; without one it is the file as it is now. */
  readonly before?: RunName
  readonly after?: RunName
  /** The node's changes, then those of the nodes above it that brought them about. */
  readonly changes: ReadonlyArray<NodeChange>
  /** Of a node with a stored output: the run that computed it, and in how many later runs it was found cached. */
  readonly computedBy?: RunName & { readonly cachedSince: number }
  /** What that output rests on. */
  readonly restsOn?: Unchanged
  /** Why the run that computed it executed it. */
  readonly executed?: WhyAnswer
  readonly error?: string
}

interface RunName {
  readonly run: string
  readonly startedAt: string
}

/** What a run would do now, and why. */
export const whyNow = Effect.fn("WhyAnswer.whyNow")(
  function*(pipeline: Pipeline, node: string, projectRoot: string) {
    const catalog = yield* Catalog
    const selected = yield* Effect.fromResult(select(pipeline, [node]))
    const environment = yield* planningEnvironment({ pipeline, selected, forced: new Set(), projectRoot })
    const decisions = yield* plan(
      { ...pipeline, nodes: pipeline.nodes.filter(({ name }) => selected.has(name)) },
      environment
    )
    const decided = new Map(decisions.map((decision) => [decision.node, decision]))
    const now = Effect.fnUntraced(function*(name: string) {
      const decision = decided.get(name)
      const instance = pipeline.byName.get(name)
      if (decision === undefined || instance === undefined) return undefined
      const key = decision.key ?? (yield* environment.own(instance))
      const output = decision.output === undefined ? {} : { output: decision.output.digest }
      return { status: decision.status, key, wiring: instance.inputs, ...output } satisfies Moment
    })

    const decision = decided.get(node)
    const history = yield* keyedExecutions(pipeline.name, node)
    const { details, reasons } = renderReasons(decision?.reasons ?? [])
    const last = history[0]
    const answer: WhyAnswer = {
      node,
      status: decision?.status === "cached" ? "cached" : last === undefined ? "never-run" : "stale",
      reasons,
      details,
      changes: last === undefined ? [] : yield* explainChange(node, inRun(last.run), now),
      ...(last === undefined ? {} : { before: yield* runName(last.run) })
    }
    if (decision?.key === undefined || decision.keyDigest === undefined || decision.status !== "cached") return answer

    const action = yield* catalog.action(decision.keyDigest)
    if (action === undefined) return answer
    const cachedSince =
      history.filter(({ key_digest, status }) => key_digest === decision.keyDigest && status === "cached").length
    const computedBy = { ...(yield* runName(action.run)), cachedSince }
    const executed = history.find(({ run }) => run === action.run)
    return {
      ...answer,
      computedBy,
      restsOn: compareKeys(decision.key, decision.key, pipeline.byName.get(node)?.inputs ?? {}).unchanged,
      ...(executed === undefined ? {} : { executed: yield* ofExecution(history, node, executed) })
    }
  }
)

/** Why a run executed a node, or found it cached: its key there against the one that it had before. */
export const whyRun = Effect.fn("WhyAnswer.whyRun")(function*(pipeline: Pipeline, node: string, reference: string) {
  const { run } = yield* resolveRun(reference, pipeline.name)
  const state = yield* nodeState(run, node)
  if (state === undefined) return yield* new NotInRun({ node, run })
  const history = yield* keyedExecutions(pipeline.name, node)
  return yield* ofExecution(history, node, state.execution)
})

/** What changed for a node between two runs. */
export const whyBetween = Effect.fn("WhyAnswer.whyBetween")(
  function*(pipeline: Pipeline, node: string, given: string) {
    const [from, to, ...more] = given.split("..")
    if (!from || !to || more.length > 0) return yield* new MalformedBetween({ given })
    const before = yield* resolveRun(from, pipeline.name)
    const after = yield* resolveRun(to, pipeline.name)
    for (const { run } of [before, after]) {
      if ((yield* nodeState(run, node)) === undefined) return yield* new NotInRun({ node, run })
    }
    return yield* comparison(node, before.run, after.run)
  }
)

type KeyedOrNot = Pick<KeyedExecution, "run" | "started_at">

/** `history`: the executions in which the node had a key, newest first. */
const ofExecution = Effect.fnUntraced(
  function*(history: ReadonlyArray<KeyedExecution>, node: string, execution: KeyedOrNot) {
    const place = history.findIndex(({ run }) => run === execution.run)
    const started = history.findIndex(({ started_at }) => started_at < execution.started_at)
    const previous = place >= 0 ? history[place + 1] : started >= 0 ? history[started] : undefined
    return yield* comparison(node, previous?.run, execution.run)
  }
)

const comparison = Effect.fnUntraced(function*(node: string, before: string | undefined, after: string) {
  const state = yield* nodeState(after, node)
  const reasons = state?.execution.reasons ?? []
  return {
    node,
    status: state?.execution.status ?? "stale",
    reasons: [...new Set(reasons.map((detail) => detail.split(":")[0] ?? detail))],
    details: reasons,
    after: yield* runName(after),
    ...(before === undefined ? {} : { before: yield* runName(before) }),
    changes: yield* explainChange(node, before === undefined ? never : inRun(before), inRun(after)),
    ...(state?.execution.error == null ? {} : { error: state.execution.error })
  } satisfies WhyAnswer
})

/** Where there was no run before. */
const never = (): Effect.Effect<undefined> => Effect.succeed(undefined)

const runName = Effect.fnUntraced(function*(run: string) {
  const catalog = yield* Catalog
  const row: RunRow | undefined = yield* catalog.run(run)
  // A run that is no longer kept may have left results that are.
  return { run, startedAt: row === undefined ? "" : new Date(row.started_at).toISOString() } satisfies RunName
})
