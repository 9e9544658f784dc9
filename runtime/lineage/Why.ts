/**
 * Why a node's key is another one: the differences of two stored keys, and where an input's column differs, those of the
 * node that makes it, up to the root causes. Never a guess: what cannot be compared is said to be so.
 */
import * as Effect from "effect/Effect"
import type { NodeKey } from "../pipeline/Key.ts"
import type { ExecutionStatus } from "./CatalogRows.ts"
import { type NodeState, nodeState } from "./History.ts"
import { type ComparedKey, compareKeys, type KeyComparison, type Wiring } from "./KeyComparison.ts"

/** A node at one of the two moments that are compared. */
export interface Moment {
  readonly status: ExecutionStatus | "stale"
  readonly key?: ComparedKey
  readonly output?: string
  readonly wiring: Wiring
}

/** A node as it is told of; the first is the one asked about, the others are those whose output reached it. */
export interface NodeChange extends KeyComparison {
  readonly node: string
  /**
   * `compared`; `new`, with no key to compare with; `again`: equal keys, and another output all the same, because it was
   * executed again; `unknown`: it did not get as far as a key.
   */
  readonly verdict: "compared" | "new" | "again" | "unknown"
  readonly status: Moment["status"]
  /** The nodes through which more changed, or may have. */
  readonly through: ReadonlyArray<string>
}

/** Looks up a node at a moment. */
export type Look<E, R> = (node: string) => Effect.Effect<Moment | undefined, E, R>

/** A node as a run recorded it. */
export const inRun = (run: string) => (node: string) =>
  Effect.map(nodeState(run, node), (state) => state === undefined ? undefined : recordedMoment(state))

export const recordedMoment = ({ execution, inputs, key }: NodeState): Moment => {
  const wiring: Record<string, Array<string>> = {}
  for (const { input, source } of inputs) (wiring[input] ??= []).push(source)
  return {
    status: execution.status,
    wiring,
    ...(key === undefined ? {} : { key }),
    ...(execution.output === null ? {} : { output: execution.output })
  }
}

/** The changes of a node between two moments and of the nodes above it that brought them about, each once. */
export const explainChange = Effect.fn("Why.explainChange")(function*<E1, R1, E2, R2>(
  node: string,
  before: Look<E1, R1>,
  after: Look<E2, R2>
) {
  const changes = new Map<string, NodeChange>()
  const waiting = new Set([node])
  // A Set may grow while it is walked.
  for (const name of waiting) {
    const now = yield* after(name)
    if (now === undefined) continue
    const change = compareMoments(name, yield* before(name), now)
    changes.set(name, change)
    change.through.forEach((upstream) => waiting.add(upstream))
  }
  return [...changes.values()]
})

/** A node at two moments. */
export const compareMoments = (node: string, before: Moment | undefined, after: Moment): NodeChange => {
  const { key, status, wiring } = after
  const told = { node, status, differences: [], unchanged: {}, through: [] }
  if (key === undefined) return { ...told, verdict: "unknown" }
  const upstream = [...new Set(Object.values(wiring).flat())]
  // Of a node that waits for others it is not known what it will read: whatever changed comes through these.
  const pending = isWhole(key) ? [] : upstream
  const keyBefore = before?.key
  if (keyBefore === undefined || !isWhole(keyBefore)) return { ...told, verdict: "new" }
  const comparison = compareKeys(keyBefore, key, wiring)
  const sources = comparison.differences.flatMap(({ source }) => source === undefined ? [] : [source])
  const through = [...new Set([...sources, ...pending])]
  const drewAgain = comparison.differences.length === 0 && isWhole(key)
    && before?.output !== undefined && after.output !== undefined && before.output !== after.output
  return { ...told, ...comparison, verdict: drewAgain ? "again" : "compared", through }
}

const isWhole = (key: ComparedKey): key is NodeKey => key.inputs !== undefined
