/**
 * Which nodes must run, and why. A node is `cached` when none of the reasons below applies to it, else `stale`. The
 * names are the same in events, in the output of `plan` and in the documentation.
 */
import * as Effect from "effect/Effect"
import { type Difference, type DifferenceReason, explainDifference, renderDifference } from "./Difference.ts"
import { inputDigests, keyDigest, type NodeKey, type OwnKey } from "./Key.ts"
import { type NodeInstance, type Pipeline, upstreamOf } from "./Pipeline.ts"

/** Why a node must run. `upstream`: a node it reads is stale, and whether that changes what it reads is not yet known. */
export type ReasonName = "forced" | "upstream" | "artifact-missing" | "never-run" | DifferenceReason

/** A reason with what it rests on: the field and its values, the file, the upstream nodes. */
export interface Reason {
  readonly reason: ReasonName
  readonly details: ReadonlyArray<string>
}

/** What is stored under a key. */
export interface StoredOutput {
  /** Digest of the table. */
  readonly digest: string
  /** Digests of its columns. */
  readonly columns: Readonly<Record<string, string>>
  /** Whether the artifact is in the store and whole. */
  readonly present: boolean
}

/** What is decided about one instance. */
export interface Decision {
  readonly node: string
  readonly status: "cached" | "stale"
  /** Empty when cached. */
  readonly reasons: ReadonlyArray<Reason>
  /** Absent while the digests of the inputs are not known. */
  readonly key?: NodeKey
  readonly keyDigest?: string
  /** The stored output, when cached. */
  readonly output?: StoredOutput
}

/** What planning looks up. */
export interface Environment<E = never, R = never> {
  /** The parts of the key that do not depend on other nodes. */
  readonly own: (instance: NodeInstance) => Effect.Effect<OwnKey, E, R>
  /** The output stored under a key. */
  readonly stored: (keyDigest: string) => Effect.Effect<StoredOutput | undefined, E, R>
  /** The key with which an instance last ran or was found cached. */
  readonly previous: (instance: NodeInstance) => Effect.Effect<NodeKey | undefined, E, R>
  /** Whether the instance has to run whatever is stored. */
  readonly forced: (instance: NodeInstance) => boolean
}

/**
 * Decides one instance, given the column digests of the outputs it reads. Executing calls this for a node as soon as
 * what it reads is known; an upstream that ran again with equal columns then leaves it cached (early cutoff).
 */
export const decide = Effect.fnUntraced(function*<E, R>(
  instance: NodeInstance,
  environment: Environment<E, R>,
  columnsOf: (upstream: string) => Readonly<Record<string, string>> | undefined
) {
  const own = yield* environment.own(instance)
  const forced = environment.forced(instance)
  const inputs = inputDigests(instance, columnsOf)
  if (inputs === undefined) {
    const previous = yield* environment.previous(instance)
    const waitsFor = upstreamOf(instance).filter((upstream) => columnsOf(upstream) === undefined)
    const differences = previous === undefined ? [] : explainDifference(previous, own)
    const reasons = reasonsFor({ forced, waitsFor, previous, differences, stored: undefined })
    return { node: instance.name, status: "stale", reasons } satisfies Decision
  }
  const key: NodeKey = { ...own, inputs }
  const digest = keyDigest(key)
  const stored = yield* environment.stored(digest)
  // What ran before only explains why there is nothing under this key.
  const previous = stored === undefined ? yield* environment.previous(instance) : undefined
  const differences = previous === undefined ? [] : explainDifference(previous, key)
  const reasons = reasonsFor({ forced, waitsFor: [], previous, differences, stored })
  const decision = { node: instance.name, key, keyDigest: digest, reasons }
  return reasons.length === 0 && stored !== undefined
    ? { ...decision, status: "cached", output: stored } satisfies Decision
    : { ...decision, status: "stale" } satisfies Decision
})

/** Decides every instance in topological order; what is below a stale node is stale by `upstream`. */
export const plan = Effect.fnUntraced(function*<E, R>(pipeline: Pipeline, environment: Environment<E, R>) {
  const columns = new Map<string, Readonly<Record<string, string>>>()
  const decisions: Array<Decision> = []
  for (const instance of pipeline.nodes) {
    const decision: Decision = yield* decide(instance, environment, (upstream) => columns.get(upstream))
    if (decision.output !== undefined) columns.set(decision.node, decision.output.columns)
    decisions.push(decision)
  }
  return decisions
})

/** What the reasons are decided from. */
interface Facts {
  readonly forced: boolean
  /** Upstream instances whose output is not known. */
  readonly waitsFor: ReadonlyArray<string>
  readonly previous: NodeKey | undefined
  /** How the key differs from the previous one, as far as it is known. */
  readonly differences: ReadonlyArray<Difference>
  /** What is stored under the key; undefined too while the key is not known. */
  readonly stored: StoredOutput | undefined
}

/** Per reason: its details when it applies, else nothing. The order is that in which reasons are told. */
const rules: { readonly [Name in ReasonName]: (facts: Facts) => ReadonlyArray<string> | undefined } = {
  "forced": ({ forced }) => forced ? [] : undefined,
  "never-run": ({ previous, stored }) => previous === undefined && stored === undefined ? [] : undefined,
  "code": (facts) => differing(facts, "code"),
  "config": (facts) => differing(facts, "config"),
  "input": (facts) => differing(facts, "input"),
  "file": (facts) => differing(facts, "file"),
  "environment": (facts) => differing(facts, "environment"),
  "package": (facts) => differing(facts, "package"),
  "numerics": (facts) => differing(facts, "numerics"),
  "upstream": ({ waitsFor }) => waitsFor.length > 0 ? waitsFor : undefined,
  "artifact-missing": (facts) => isArtifactMissing(facts) ? [] : undefined
}

// Either the output's record outlived its artifact, or the key was seen before and its record is gone too.
const isArtifactMissing = ({ differences, previous, stored, waitsFor }: Facts): boolean =>
  stored === undefined
    ? previous !== undefined && waitsFor.length === 0 && differences.length === 0
    : !stored.present

const differing = ({ differences }: Facts, reason: DifferenceReason): ReadonlyArray<string> | undefined => {
  const details = differences.flatMap((difference) =>
    difference.reason === reason ? [renderDifference(difference)] : []
  )
  return details.length > 0 ? details : undefined
}

const told: ReadonlyArray<ReasonName> = [
  "forced",
  "never-run",
  "code",
  "config",
  "input",
  "file",
  "environment",
  "package",
  "numerics",
  "upstream",
  "artifact-missing"
]

const reasonsFor = (facts: Facts): ReadonlyArray<Reason> =>
  told.flatMap((reason) => {
    const details = rules[reason](facts)
    return details === undefined ? [] : [{ reason, details }]
  })
