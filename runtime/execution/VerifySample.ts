/**
 * Executes a random sample of what is stored again, and says what comes out otherwise: judged by what the nodes declare of
 * themselves (`determinism`).
 */
import * as Effect from "effect/Effect"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { type TableDrift, tableDrift } from "../../artifacts/TableDrift.ts"
import { Catalog } from "../lineage/Catalog.ts"
import type { Determinism } from "../pipeline/Node.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { type Decision, plan } from "../pipeline/Plan.ts"
import { sentence } from "./NodeFailure.ts"
import { planningEnvironment } from "./PlanningEnvironment.ts"
import { type Reexecuted, reexecuter, type StoredResult } from "./Reexecute.ts"

export interface SampleOptions {
  readonly pipeline: Pipeline
  readonly projectRoot: string
  /** The instances to draw from. */
  readonly selected: ReadonlySet<string>
  /** How many of so many results to execute again. */
  readonly size: (results: number) => number
  /** Equal seeds draw equal samples of equal stores. */
  readonly seed: number
  /** Told before each result is executed again. */
  readonly onStart?: (result: StoredResult, index: number, of: number) => void
}

/**
 * How a result came out: `equal`; `differs` from what is stored; `failed`, with the message. A difference is `allowed` where
 * the node declares that it draws anew, or that it depends on numerics which are not those of then.
 */
export interface Verdict {
  readonly node: string
  readonly kind: string
  readonly determinism: Determinism
  readonly position?: number
  readonly outcome: "equal" | "differs" | "failed"
  readonly isAllowed: boolean
  /** Which numerics are not those of then, such as `provider cpu -> cuda`. */
  readonly numerics: ReadonlyArray<string>
  readonly drift?: TableDrift
  readonly message?: string
}

export interface SampleReport {
  /** How many stored results there were to draw from. */
  readonly results: number
  /** Selected nodes that are not up to date, so that there is nothing to compare with. */
  readonly stale: ReadonlyArray<string>
  readonly verdicts: ReadonlyArray<Verdict>
}

export const verifySample = Effect.fn("VerifySample.verifySample")(function*(options: SampleOptions) {
  const { pipeline, projectRoot, selected } = options
  const catalog = yield* Catalog
  const store = yield* ArtifactStore
  const all = new Set(pipeline.nodes.map(({ name }) => name))
  const environment = yield* planningEnvironment({ pipeline, selected: all, forced: new Set(), projectRoot })
  const decisions = yield* plan(pipeline, environment)
  const outputs = new Map<string, string>()
  const results: Array<StoredResult & { readonly numerics: ReadonlyArray<string> }> = []
  const stale: Array<string> = []
  for (const decision of decisions) {
    const instance = pipeline.byName.get(decision.node)
    const found = yield* storedOutput(pipeline, decision)
    if (found?.isCurrent === true) outputs.set(decision.node, found.output)
    if (instance === undefined || !selected.has(decision.node)) continue
    if (found === undefined) {
      stale.push(decision.node)
      continue
    }
    const common = { instance, numerics: found.numerics }
    const partitions = yield* catalog.partitions(found.keyDigest)
    if (partitions.length === 0) results.push({ ...common, keyDigest: found.keyDigest, output: found.output })
    for (const { output, partition_key, position } of partitions) {
      results.push({ ...common, keyDigest: partition_key, output, position })
    }
  }

  const sample = draw(results, options.size(results.length), options.seed)
  const artifactOf = (upstream: string) => {
    const output = outputs.get(upstream)
    if (output === undefined) throw new Error(`${upstream} has no output that is up to date`)
    return output
  }
  const reexecute = yield* reexecuter({ pipeline, environment, artifactOf })
  const verdicts: Array<Verdict> = []
  for (const [index, result] of sample.entries()) {
    const { instance, numerics, position } = result
    const { determinism, name: kind } = instance.node
    yield* Effect.sync(() => options.onStart?.(result, index, sample.length))
    const common = {
      node: instance.name,
      kind,
      determinism,
      numerics,
      ...(position === undefined ? {} : { position })
    }
    const exit = yield* Effect.exit(Effect.flatMap(reexecute(result), (again) => compare(store, result, again)))
    verdicts.push(
      exit._tag === "Failure"
        ? { ...common, outcome: "failed", isAllowed: false, message: sentence(exit.cause) }
        : exit.value === undefined
        ? { ...common, outcome: "equal", isAllowed: true }
        : {
          ...common,
          outcome: "differs",
          isAllowed: determinism === "sampled" || (determinism === "seeded" && numerics.length > 0),
          drift: exit.value
        }
    )
  }
  return { results: results.length, stale, verdicts } satisfies SampleReport
}, Effect.scoped)

/**
 * What is stored of a node that would be taken from the store now, or that has only other numerics than then. The latter is no
 * input of others: what these made then is under other keys.
 */
const storedOutput = Effect.fnUntraced(function*(pipeline: Pipeline, decision: Decision) {
  const { keyDigest, output, reasons } = decision
  if (decision.status === "cached" && keyDigest !== undefined && output !== undefined) {
    return { keyDigest, output: output.digest, numerics: [], isCurrent: true }
  }
  if (keyDigest === undefined || reasons.some(({ reason }) => reason !== "numerics")) return undefined
  const catalog = yield* Catalog
  const store = yield* ArtifactStore
  const before = yield* catalog.latest(pipeline.name, decision.node)
  if (before === undefined || !(yield* store.has(before.output))) return undefined
  const numerics = reasons.flatMap(({ details }) => details)
  return { keyDigest: before.key_digest, output: before.output, numerics, isCurrent: false }
})

const compare = Effect.fnUntraced(function*(
  store: ArtifactStore["Service"],
  { instance, output }: StoredResult,
  again: Reexecuted
) {
  if (again.made.digest === output) return undefined
  const stored = yield* store.describe(output)
  const names = Object.keys(again.made.columns)
  const differing = new Set(names.filter((name) => again.made.columns[name] !== stored.columns[name]))
  const type = instance.node.output
  const [before, after] = [yield* store.get(type, output), yield* again.store.get(type, again.made.digest)]
  const drift = tableDrift(type, before, after)
  // Columns whose digests are equal are equal: nothing else may be reported of them.
  return { ...drift, columns: drift.columns.filter(({ column }) => differing.has(column)) }
})

/** So many of the items, at random and without repeating one, in the order in which they stand. */
export const draw = <A>(items: ReadonlyArray<A>, size: number, seed: number): ReadonlyArray<A> => {
  const random = generator(seed)
  const order = items.map((_, index) => index)
  for (let index = order.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1))
    const [a = 0, b = 0] = [order[index], order[other]]
    order[index] = b
    order[other] = a
  }
  const chosen = new Set(order.slice(0, size))
  return items.filter((_, index) => chosen.has(index))
}

/** Numbers in [0, 1): the mulberry32 generator, which is the same on every machine. */
const generator = (seed: number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Whether nothing came out otherwise than its node allows. */
export const isSound = ({ verdicts }: SampleReport): boolean => verdicts.every(({ isAllowed }) => isAllowed)
