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
import { Catalog } from "../lineage/Catalog.ts"
import { placesOf } from "../onnx/Place.ts"
import type { NodeKey } from "../pipeline/Key.ts"
import { type NodeInstance, upstreamOf } from "../pipeline/Pipeline.ts"
import { decide, type Decision, type Reason } from "../pipeline/Plan.ts"
import { Devices } from "./Devices.ts"
import type { EventSink, RunFinished } from "./Event.ts"
import { inputDigest } from "./InputDigest.ts"
import { InputChanged, KeptLosingArtifacts, NodeFailure, sentence } from "./NodeFailure.ts"
import { nodeWorkspace } from "./NodeWorkspace.ts"
import { planningEnvironment, type PlanningOptions } from "./PlanningEnvironment.ts"
import { nodeRunner } from "./RunNode.ts"
import { type Output, runRecorder } from "./RunRecorder.ts"

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
  const catalog = yield* Catalog
  const store = yield* ArtifactStore
  const devices = yield* Devices
  const environment = yield* planningEnvironment(options)
  const runNode = yield* nodeRunner
  const cores = yield* Semaphore.make(jobs)
  const instances = pipeline.nodes.filter(({ name }) => selected.has(name))
  yield* store.prepare
  const record = yield* runRecorder({ pipeline, file, store: store.root, settings, instances, sink })

  const outcomes = new Map(instances.map(({ name }) => [name, Deferred.makeUnsafe<Outcome>()]))
  const outputs = new Map<string, Output>()
  const failures: Array<NodeFailure> = []
  const exclusively = keyedLock()

  const output = (name: string): Output => present(outputs.get(name), name)

  const inputsOf = (instance: NodeInstance) =>
    Object.entries(instance.inputs).flatMap(([input, sources]) =>
      sources.map((source, position) => ({ input, position, source, artifact: output(source).digest }))
    )

  /** Runs a node that has its turn, and notes what it made. */
  const executeNow = Effect.fnUntraced(
    function*(instance: NodeInstance, key: NodeKey, keyDigest: string, reasons: ReadonlyArray<Reason>) {
      const { config, own } = environment.prepared(instance)
      const count = instance.node.devices(config.value)
      const leased = count > 0 ? yield* devices.lease(count) : placesOf("cpu")
      const device = count > 0 ? leased.map(({ device }) => device).join(", ") : null
      const workspace = yield* nodeWorkspace(store.root, keyDigest)
      const startedAt = yield* Clock.currentTimeMillis
      const begun = { instance, key, keyDigest, reasons, inputs: inputsOf(instance), device, startedAt }
      yield* record.begun(begun)
      const made = yield* runNode({
        instance,
        config: config.value,
        devices: leased,
        workspace,
        artifactOf: (upstream) => output(upstream).digest,
        progress: (progress) => record.progress(instance, progress)
      })
      for (const input of config.files) {
        const digest = yield* Effect.provideService(inputDigest({ node: instance.name, ...input }), Catalog, catalog)
        if (digest !== own.files[input.field]) return yield* new InputChanged({ node: instance.name, path: input.path })
      }
      yield* record.executed(begun, made)
      yield* workspace.discard
      outputs.set(instance.name, { digest: made.digest, columns: made.columns, rows: made.numRows })
    },
    Effect.scoped
  )

  /** Gets the output of a node whose inputs are known: from the store, or by executing the node when it has its turn. */
  const obtainOnce = Effect.fnUntraced(function*(instance: NodeInstance, because: ReadonlyArray<Reason>) {
    const startedAt = yield* Clock.currentTimeMillis
    const decision: Decision = yield* decide(instance, environment, (upstream) => outputs.get(upstream)?.columns)
    const key = present(decision.key, instance.name)
    const keyDigest = present(decision.keyDigest, instance.name)
    // One at a time per key: instances with equal keys share one execution.
    yield* exclusively(
      keyDigest,
      Effect.gen(function*() {
        const found = environment.forced(instance) ? undefined : yield* environment.known(keyDigest)
        if (found?.present === true) {
          yield* record.cached(instance, keyDigest, found, inputsOf(instance), startedAt)
          outputs.set(instance.name, found)
          return
        }
        const work = executeNow(instance, key, keyDigest, because.length > 0 ? because : decision.reasons)
        yield* instance.node.device ? work : cores.withPermit(work)
      })
    )
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
      yield* exclusively(`restore ${name}`, restore(source))
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
