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
import { nodeExecutor, RunStopped } from "./ExecuteNode.ts"
import { isMapped, type MappedInstance, type MappedNode, mappedNode, sourceOf } from "./MappedNode.ts"
import { KeptLosingArtifacts, NodeFailure, sentence } from "./NodeFailure.ts"
import { obtainAction, type Output } from "./Obtain.ts"
import { partitionStream } from "./PartitionStream.ts"
import { type KnownOutput, planningEnvironment, type PlanningOptions } from "./PlanningEnvironment.ts"
import type { Amounts } from "./Resources.ts"
import { runRecorder } from "./RunRecorder.ts"

export interface RunOptions extends PlanningOptions {
  readonly file: string
  /** The --set options, as given, for the catalog. */
  readonly settings: ReadonlyArray<string>
  /** How many nodes that need no device may run at once. */
  readonly jobs: number
  /** What there is of the resources that nodes take while they run; one that is not named has no limit. */
  readonly limits?: Amounts
  /** In the place of the nodes' own numbers of retries. */
  readonly retries?: number | undefined
  /** Whether nodes that do not depend on a failed one still run (default). Else none begins after the first failure. */
  readonly keepGoing?: boolean
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
  const { file, jobs, keepGoing = true, limits, pipeline, retries, selected, settings, sink } = options
  const store = yield* ArtifactStore
  const environment = yield* planningEnvironment(options)
  const instances = pipeline.nodes.filter(({ name }) => selected.has(name))
  yield* store.prepare
  const record = yield* runRecorder({ pipeline, file, store: store.root, settings, instances, sink })
  const failures: Array<NodeFailure> = []
  let firstFailed: string | undefined
  const stoppedBy = () => keepGoing ? undefined : firstFailed
  const failing = (instance: NodeInstance, error: unknown) => {
    // A lost artifact is made again.
    if (!isArtifactAbsent(error)) firstFailed ??= instance.name
  }
  const executor = yield* nodeExecutor({
    environment,
    record,
    instances,
    limits: { ...limits, jobs },
    retries,
    stoppedBy,
    failing
  })
  const claims = yield* makeClaims(store.root, record.run, record.afterwards)

  const outcomes = new Map(instances.map(({ name }) => [name, Deferred.makeUnsafe<Outcome>()]))
  const outputs = new Map<string, Output>()
  const restoring = keyedLock()
  /** The partitions of mapped nodes, for the mapped nodes that read them. */
  const streams = new Map(instances.filter(isMapped).map(({ name }) => [name, partitionStream()]))

  const output = (name: string): Output => present(outputs.get(name), name)

  const inputsOf = (instance: NodeInstance) =>
    Object.entries(instance.inputs).flatMap(([input, sources]) =>
      sources.map((source, position) => ({ input, position, source, artifact: output(source).digest }))
    )

  const mappedOptions = { pipeline, store, environment, record, claims, executor, jobs, outputOf: output }
  const mapped = (instance: MappedInstance) =>
    mappedNode(instance, streams.get(instance.name) ?? partitionStream(), mappedOptions)

  /** Gets the output of a node whose inputs are known: from the store, or by executing the node when it has its turn. */
  const obtainOnce = Effect.fnUntraced(function*(
    instance: NodeInstance,
    because: ReadonlyArray<Reason>,
    begun: MappedNode | undefined
  ) {
    const startedAt = yield* Clock.currentTimeMillis
    let found: KnownOutput | undefined
    const stored = (keyDigest: string) =>
      Effect.map(environment.known(keyDigest), (known) => {
        found = known
        return known
      })
    const decision: Decision = yield* decide(
      instance,
      { ...environment, stored },
      (upstream) => outputs.get(upstream)?.columns
    )
    const key = present(decision.key, instance.name)
    const keyDigest = present(decision.keyDigest, instance.name)
    const inputs = inputsOf(instance)
    const reasons = because.length > 0 ? because : decision.reasons
    if (found !== undefined && decision.status === "cached" && !isMapped(instance)) {
      yield* record.cached(instance, keyDigest, found, inputs, startedAt)
      outputs.set(instance.name, found)
      return
    }
    if (isMapped(instance)) {
      const found = environment.forced(instance) ? undefined : yield* environment.known(keyDigest)
      if (found?.present === true) yield* record.cached(instance, keyDigest, found, inputs, startedAt)
      const parts = begun ?? (yield* mapped(instance))
      outputs.set(
        instance.name,
        found?.present === true ? found : yield* parts.obtain(key, keyDigest, reasons, inputs)
      )
      return
    }
    const artifactOf = (upstream: string) => output(upstream).digest
    const obtained = yield* obtainAction(claims, {
      keyDigest,
      forced: environment.forced(instance),
      known: environment.known,
      absent: true,
      turn: executor.turn(instance),
      execute: (leased) => executor.execute({ instance, key, keyDigest, reasons, inputs, artifactOf }, leased),
      waiting: (owner) => record.waiting(instance, owner)
    })
    if (obtained.status === "cached") {
      yield* record.cached(instance, keyDigest, obtained.output, inputs, startedAt)
    }
    outputs.set(instance.name, obtained.output)
  }, Effect.scoped)

  /** As `obtainOnce`, and where an artifact that the node reads is lost, makes that again first. */
  const obtain = (
    instance: NodeInstance,
    because: ReadonlyArray<Reason> = [],
    begun?: MappedNode
  ): Effect.Effect<void, unknown> => {
    const attempt = (left: number): Effect.Effect<void, unknown> =>
      Effect.catch(obtainOnce(instance, because, begun), (error) => {
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

  const outcomeOf = (name: string) => Deferred.await(present(outcomes.get(name), name))

  /**
   * Lets a mapped node compute partitions while the mapped node that it reads is still at it. Undefined where it has to wait
   * for the whole: also when it needs devices, of which the other may be in want.
   */
  const follow = Effect.fnUntraced(function*(instance: NodeInstance) {
    if (!isMapped(instance) || instance.node.device) return undefined
    const source = sourceOf(instance)
    const stream = streams.get(source)
    if (stream === undefined || Object.values(instance.inputs).flat().filter((name) => name === source).length > 1) {
      return undefined
    }
    const others = yield* Effect.forEach(upstreamOf(instance).filter((name) => name !== source), outcomeOf)
    if (others.some((outcome) => "failed" in outcome) || (yield* stream.at(0)) === undefined) return undefined
    const { reasons } = yield* decide(instance, environment, (upstream) => outputs.get(upstream)?.columns)
    const begun = yield* mapped(instance)
    // What was lost is made again when the whole is obtained.
    yield* begun.follow(stream, reasons).pipe(
      Effect.catchIf(isArtifactAbsent, () => Effect.void)
    )
    return begun
  })

  /** @param ready is run when the inputs of the node are there */
  const attain = Effect.fnUntraced(function*(instance: NodeInstance, ready: Effect.Effect<void>) {
    const begun = yield* follow(instance)
    const upstream = yield* Effect.forEach(upstreamOf(instance), outcomeOf)
    const blocked = upstream.find((outcome) => "failed" in outcome)
    if (blocked !== undefined) return blocked
    const because = stoppedBy()
    if (because !== undefined) return { failed: because } satisfies Outcome
    yield* ready
    yield* obtain(instance, [], begun)
    return { done: true } satisfies Outcome
  }, Effect.scoped)

  /** Sees a node through to its outcome, whatever happens to it. */
  const settle = Effect.fnUntraced(function*(instance: NodeInstance): Effect.fn.Return<Outcome> {
    let startedAt = yield* Clock.currentTimeMillis
    const ready = Effect.map(Clock.currentTimeMillis, (now) => {
      startedAt = now
    })
    const exit = yield* Effect.exit(attain(instance, ready))
    if (Exit.isSuccess(exit)) {
      if ("failed" in exit.value) yield* record.skipped(instance, exit.value.failed)
      return exit.value
    }
    if (Cause.hasInterrupts(exit.cause)) return yield* Effect.interrupt
    const error = Cause.squash(exit.cause)
    if (error instanceof RunStopped) {
      yield* record.skipped(instance, error.because)
      return { failed: error.because }
    }
    firstFailed ??= instance.name
    const problem = sentence(exit.cause)
    failures.push(
      new NodeFailure({ node: instance.name, kind: instance.node.name, problem, cause: error })
    )
    yield* record.failed(instance, problem, startedAt)
    return { failed: instance.name }
  })

  yield* record.started
  yield* Effect.forEach(
    instances,
    (instance) =>
      settle(instance).pipe(
        Effect.ensuring(streams.get(instance.name)?.end ?? Effect.void),
        Effect.flatMap((outcome) => Deferred.succeed(present(outcomes.get(instance.name), instance.name), outcome))
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
