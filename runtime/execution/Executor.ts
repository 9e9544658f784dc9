/**
 * Executes a pipeline: a fiber per node, each waiting for what it reads. A node whose key is known gets its output from
 * the store; one that ran again with an equal output leaves its readers cached (early cutoff).
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { type NodeInstance, upstreamOf } from "../pipeline/Pipeline.ts"
import { decide, type Decision, type Reason } from "../pipeline/Plan.ts"
import { makeClaims } from "./Claims.ts"
import type { EventSink, RunFinished } from "./Event.ts"
import { nodeExecutor } from "./ExecuteNode.ts"
import { KeptLosingArtifacts, NodeFailure, sentence } from "./NodeFailure.ts"
import { obtainAction, type Output } from "./Obtain.ts"
import { planningEnvironment, type PlanningOptions } from "./PlanningEnvironment.ts"
import { runRecorder } from "./RunRecorder.ts"

export interface RunOptions extends PlanningOptions {
  readonly file: string
  /** The --set options, as given, for the catalog. */
  readonly settings: ReadonlyArray<string>
  /** How many nodes that need no device may run at once. */
  readonly jobs: number
  readonly sink: EventSink
}

/** What became of a run. */
export interface RunResult extends RunFinished {
  readonly failures: ReadonlyArray<NodeFailure>
  /** Digest of the output of each node that has one. */
  readonly outputs: ReadonlyMap<string, string>
}

/** What a node's readers wait for: that its output is there, or the node whose failure keeps it from being there. */
type Outcome = { readonly done: true } | { readonly failed: string }

/** How often a node is tried again because an artifact that it reads turned out to be lost. */
const recoveries = 3

/** Runs the selected nodes. Fails before anything runs when the pipeline cannot be planned; failing nodes are in the result. */
export const execute = Effect.fn("Executor.execute")(function*(options: RunOptions) {
  const { file, jobs, pipeline, selected, settings, sink } = options
  const store = yield* ArtifactStore
  const environment = yield* planningEnvironment(options)
  const instances = pipeline.nodes.filter(({ name }) => selected.has(name))
  yield* store.prepare
  const record = yield* runRecorder({ pipeline, file, store: store.root, settings, instances, sink })
  const executor = yield* nodeExecutor({ environment, record, jobs })
  const claims = makeClaims()

  const outcomes = new Map(instances.map(({ name }) => [name, Deferred.makeUnsafe<Outcome>()]))
  const outputs = new Map<string, Output>()
  const failures: Array<NodeFailure> = []
  const restoring = keyedLock()

  const output = (name: string): Output => present(outputs.get(name), name)

  const inputsOf = (instance: NodeInstance) =>
    Object.entries(instance.inputs).flatMap(([input, sources]) =>
      sources.map((source, position) => ({ input, position, source, artifact: output(source).digest }))
    )

  /** Gets the output of a node whose inputs are known: from the store, or by executing the node when it has its turn. */
  const obtainOnce = Effect.fnUntraced(function*(instance: NodeInstance, because: ReadonlyArray<Reason>) {
    const startedAt = yield* Clock.currentTimeMillis
    const decision: Decision = yield* decide(instance, environment, (upstream) => outputs.get(upstream)?.columns)
    const key = present(decision.key, instance.name)
    const keyDigest = present(decision.keyDigest, instance.name)
    const inputs = inputsOf(instance)
    const reasons = because.length > 0 ? because : decision.reasons
    const artifactOf = (upstream: string) => output(upstream).digest
    const obtained = yield* obtainAction(claims, {
      keyDigest,
      forced: environment.forced(instance),
      known: environment.known,
      turn: executor.turn(instance),
      execute: (leased) => executor.execute({ instance, key, keyDigest, reasons, inputs, artifactOf }, leased)
    })
    if (obtained.status === "cached") {
      yield* record.cached(instance, keyDigest, obtained.output, inputs, startedAt)
    }
    outputs.set(instance.name, obtained.output)
  })

  /** As `obtainOnce`, and where an artifact that the node reads is lost, makes that again first. */
  const obtain = (instance: NodeInstance, because: ReadonlyArray<Reason> = []): Effect.Effect<void, unknown> => {
    const attempt = (left: number): Effect.Effect<void, unknown> =>
      Effect.catch(obtainOnce(instance, because), (error) => {
        if (!isArtifactAbsent(error)) return Effect.fail(error)
        if (left === 0) return new KeptLosingArtifacts({ node: instance.name, store: store.root, cause: error })
        return Effect.andThen(restoreInputs(instance), Effect.suspend(() => attempt(left - 1)))
      })
    return attempt(recoveries)
  }

  const restoreInputs = Effect.fnUntraced(function*(instance: NodeInstance): Effect.fn.Return<void, unknown> {
    for (const name of upstreamOf(instance)) {
      const source = present(pipeline.byName.get(name), name)
      yield* restoring(name, restore(source))
    }
  })

  const restore = Effect.fnUntraced(function*(instance: NodeInstance): Effect.fn.Return<void, unknown> {
    const { digest } = output(instance.name)
    if (yield* store.has(digest)) return
    yield* record.lost(instance, digest)
    yield* obtain(instance, [{ reason: "artifact-missing", details: [] }])
  })

  /** Sees a node through to its outcome, whatever happens to it. */
  const settle = Effect.fnUntraced(function*(instance: NodeInstance): Effect.fn.Return<Outcome> {
    const upstream = yield* Effect.forEach(
      upstreamOf(instance),
      (name) => Deferred.await(present(outcomes.get(name), name))
    )
    const blocked = upstream.find((outcome) => "failed" in outcome)
    if (blocked !== undefined && "failed" in blocked) {
      yield* record.skipped(instance, blocked.failed)
      return blocked
    }
    const startedAt = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(obtain(instance))
    if (Exit.isSuccess(exit)) return { done: true }
    if (Cause.hasInterrupts(exit.cause)) return yield* Effect.interrupt
    const problem = sentence(exit.cause)
    failures.push(
      new NodeFailure({ node: instance.name, kind: instance.node.name, problem, cause: Cause.squash(exit.cause) })
    )
    yield* record.failed(instance, problem, startedAt)
    return { failed: instance.name }
  })

  yield* record.started
  yield* Effect.forEach(
    instances,
    (instance) =>
      Effect.flatMap(
        settle(instance),
        (outcome) => Deferred.succeed(present(outcomes.get(instance.name), instance.name), outcome)
      ),
    {
      concurrency: "unbounded",
      discard: true
    }
  ).pipe(Effect.onInterrupt(() => Effect.ignore(record.finished("interrupted"))))
  const finished = yield* record.finished("completed")
  const digests = new Map([...outputs].map(([name, { digest }]) => [name, digest]))
  return { ...finished, failures, outputs: digests } satisfies RunResult
}, Effect.scoped)

/** Runs effects with the same key one after the other. */
const keyedLock = () => {
  const locks = new Map<string, Semaphore.Semaphore>()
  return <A, E, R>(key: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const lock = locks.get(key) ?? Semaphore.makeUnsafe(1)
    locks.set(key, lock)
    return lock.withPermit(effect)
  }
}

/** What an earlier step has put there; that it did not is a defect. */
const present = <A>(value: A | undefined, node: string): A => {
  if (value === undefined) throw new Error(`something about ${node} was asked for before it was there`)
  return value
}

const isArtifactAbsent = (error: unknown): boolean =>
  error instanceof Error && "_tag" in error && error._tag === "ArtifactAbsent"
