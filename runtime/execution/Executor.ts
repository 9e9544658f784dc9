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
import { hostname } from "node:os"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { Catalog } from "../lineage/Catalog.ts"
import type { ExecutionRow } from "../lineage/CatalogRows.ts"
import { type NodeInstance, upstreamOf } from "../pipeline/Pipeline.ts"
import { decide, type Decision, type Reason } from "../pipeline/Plan.ts"
import { Devices } from "./Devices.ts"
import type { Event, EventSink, RunFinished } from "./Event.ts"
import { inputDigest } from "./InputDigest.ts"
import { InputChanged, KeptLosingArtifacts, NodeFailure, sentence } from "./NodeFailure.ts"
import { planningEnvironment, type PlanningOptions } from "./PlanningEnvironment.ts"
import { renderReasons } from "./Reasons.ts"
import { newRunId } from "./RunId.ts"
import { nodeRunner } from "./RunNode.ts"

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

/** The output of a node, as its readers need it. */
interface Output {
  readonly digest: string
  readonly columns: Readonly<Record<string, string>>
  readonly rows: number
}

/** A node is done for its readers: with an output, or without one because of the node that failed. */
type Outcome = { readonly output: Output } | { readonly failed: string }

/** How often a node is tried again because an artifact that it reads turned out to be lost. */
const recoveries = 3

export const execute = Effect.fn("Executor.execute")(function*(options: RunOptions) {
  const { file, jobs, pipeline, selected, settings, sink } = options
  const catalog = yield* Catalog
  const store = yield* ArtifactStore
  const devices = yield* Devices
  const environment = yield* planningEnvironment(options)
  const runNode = yield* nodeRunner
  const cores = yield* Semaphore.make(jobs)
  const instances = pipeline.nodes.filter(({ name }) => selected.has(name))
  const startedAt = yield* Clock.currentTimeMillis
  const run = newRunId(startedAt)

  const outcomes = new Map(instances.map(({ name }) => [name, Deferred.makeUnsafe<Outcome>()]))
  const outputs = new Map<string, Output>()
  const statuses = new Map<string, ExecutionRow["status"]>()
  const failures: Array<NodeFailure> = []
  const emit = (event: Event) => Effect.sync(() => sink(event))
  const names = (instance: NodeInstance) => ({ node: instance.name, kind: instance.node.name })
  const locks = new Map<string, Semaphore.Semaphore>()
  /** One at a time per key: instances with equal keys share one execution. */
  const exclusively = (key: string) => {
    const known = locks.get(key) ?? Semaphore.makeUnsafe(1)
    locks.set(key, known)
    return known
  }

  yield* store.prepare
  yield* catalog.startRun({
    run,
    pipeline: pipeline.name,
    file,
    settings,
    host: hostname(),
    pid: process.pid,
    started_at: startedAt,
    finished_at: null,
    status: "running",
    executed: 0,
    cached: 0,
    failed: 0
  })

  const output = (name: string): Output => {
    const known = outputs.get(name)
    if (known === undefined) throw new Error(`the output of ${name} was asked for before it was there`)
    return known
  }

  const inputsOf = (instance: NodeInstance) =>
    Object.entries(instance.inputs).flatMap(([input, sources]) =>
      sources.map((source, position) => ({ input, position, source, artifact: output(source).digest }))
    )

  const execution = (instance: NodeInstance, begun: number, now: number): ExecutionRow => ({
    run,
    ...names(instance),
    status: "executed",
    key_digest: null,
    output: null,
    row_count: null,
    reasons: [],
    device: null,
    started_at: begun,
    duration_ms: now - begun,
    error: null
  })

  const decideNow = (instance: NodeInstance) => decide(instance, environment, (upstream) => outputs.get(upstream)?.columns)

  const finishCached = Effect.fnUntraced(function*(instance: NodeInstance, keyDigest: string, found: Output, begun: number) {
    const now = yield* Clock.currentTimeMillis
    const row = {
      ...execution(instance, begun, now),
      status: "cached" as const,
      key_digest: keyDigest,
      output: found.digest,
      row_count: found.rows
    }
    yield* catalog.record({ pipeline: pipeline.name, execution: row, inputs: inputsOf(instance) })
    const { columns, digest, rows } = found
    outputs.set(instance.name, { columns, digest, rows })
    statuses.set(instance.name, "cached")
    const durationMs = now - begun
    yield* emit({ type: "NodeFinished", ...names(instance), status: "cached", digest, rows, durationMs, reasons: [], details: [] })
  })

  const executeNow = Effect.fnUntraced(function*(
    instance: NodeInstance,
    { key, keyDigest, reasons }: { readonly key: unknown; readonly keyDigest: string; readonly reasons: ReadonlyArray<Reason> }
  ) {
    const device = instance.node.device ? yield* devices.lease : null
    const begun = yield* Clock.currentTimeMillis
    const why = renderReasons(reasons)
    const prepared = environment.prepared(instance)
    yield* emit({ type: "NodeStarted", ...names(instance), ...why, device })
    const inputs = inputsOf(instance)
    const ref = yield* runNode({
      instance,
      config: prepared.config.value,
      device: device ?? "cpu",
      artifactOf: (upstream) => output(upstream).digest,
      progress: (progress) => emit({ type: "NodeProgress", ...names(instance), ...progress })
    })
    for (const input of prepared.config.files) {
      const now = yield* Effect.provideService(inputDigest({ node: instance.name, ...input }), Catalog, catalog)
      if (now !== prepared.own.files[input.field]) return yield* new InputChanged({ node: instance.name, path: input.path })
    }
    const now = yield* Clock.currentTimeMillis
    const { columns, digest, numRows: rows } = ref
    yield* catalog.record({
      pipeline: pipeline.name,
      execution: {
        ...execution(instance, begun, now),
        key_digest: keyDigest,
        output: digest,
        row_count: rows,
        reasons: why.details,
        device
      },
      inputs,
      action: {
        key_digest: keyDigest,
        key,
        output: digest,
        type: ref.table,
        row_count: rows,
        bytes: ref.bytes,
        columns,
        run,
        node: instance.name,
        created_at: now
      }
    })
    outputs.set(instance.name, { columns, digest, rows })
    statuses.set(instance.name, "executed")
    yield* emit({ type: "NodeFinished", ...names(instance), status: "executed", digest, rows, durationMs: now - begun, ...why })
  }, Effect.scoped)

  /** Executes a node with the turn it has to wait for: a core, or (inside) a device. */
  const inTurn = (instance: NodeInstance, decision: Required<Pick<Decision, "key" | "keyDigest" | "reasons">>) =>
    instance.node.device ? executeNow(instance, decision) : cores.withPermit(executeNow(instance, decision))

  /** Makes again what is no longer in the store of a node's inputs. */
  const restoreInputs = Effect.fnUntraced(function*(instance: NodeInstance): Effect.fn.Return<void, unknown> {
    for (const upstream of upstreamOf(instance)) {
      const source = pipeline.byName.get(upstream)
      if (source !== undefined) yield* exclusively(`restore ${upstream}`).withPermit(restore(source))
    }
  })

  const restore = Effect.fnUntraced(function*(instance: NodeInstance): Effect.fn.Return<void, unknown> {
    const { digest } = output(instance.name)
    if (yield* store.has(digest)) return
    const message = `its stored output ${digest.slice(0, 12)} is missing or damaged, so it is computed again`
    yield* emit({ type: "ArtifactLost", ...names(instance), digest, message })
    yield* obtain(instance, [{ reason: "artifact-missing", details: [] }])
  })

  /** Gets the output of a node whose inputs are there: from the store, or by executing it. */
  const obtain = (instance: NodeInstance, because: ReadonlyArray<Reason> = []): Effect.Effect<void, unknown> => {
    const attempt = Effect.fnUntraced(function*() {
      const begun = yield* Clock.currentTimeMillis
      const decision: Decision = yield* decideNow(instance)
      const { key, keyDigest } = decision
      if (key === undefined || keyDigest === undefined) return yield* Effect.die(`the key of ${instance.name} is not known`)
      yield* exclusively(keyDigest).withPermit(Effect.gen(function*() {
        const forced = environment.forced(instance)
        const found = forced ? undefined : yield* environment.known(keyDigest)
        if (found?.present === true) return yield* finishCached(instance, keyDigest, found, begun)
        const reasons = because.length > 0 ? because : decision.reasons
        yield* inTurn(instance, { key, keyDigest, reasons })
      }))
    })
    const tryAgain = (left: number): Effect.Effect<void, unknown> =>
      Effect.catch(attempt(), (error) => {
        if (!isArtifactAbsent(error)) return Effect.fail(error)
        if (left === 0) return Effect.fail(new KeptLosingArtifacts({ node: instance.name, store: store.root, cause: error }))
        return Effect.andThen(restoreInputs(instance), Effect.suspend(() => tryAgain(left - 1)))
      })
    return tryAgain(recoveries)
  }

  const fail = Effect.fnUntraced(function*(instance: NodeInstance, cause: Cause.Cause<unknown>, begun: number) {
    const now = yield* Clock.currentTimeMillis
    const message = sentence(cause)
    failures.push(new NodeFailure({ ...names(instance), problem: message, cause: Cause.squash(cause) }))
    statuses.set(instance.name, "failed")
    const row = { ...execution(instance, begun, now), status: "failed" as const, error: message }
    yield* emit({ type: "NodeFailed", ...names(instance), message, durationMs: now - begun })
    // The node's own failure is what matters; that the catalog cannot note it will show again at the end of the run.
    yield* catalog.record({ pipeline: pipeline.name, execution: row, inputs: [] }).pipe(Effect.ignore)
  })

  const skip = Effect.fnUntraced(function*(instance: NodeInstance, because: string) {
    const now = yield* Clock.currentTimeMillis
    statuses.set(instance.name, "skipped")
    yield* emit({ type: "NodeSkipped", ...names(instance), because })
    const row = { ...execution(instance, now, now), status: "skipped" as const, error: `${because} failed` }
    yield* catalog.record({ pipeline: pipeline.name, execution: row, inputs: [] }).pipe(Effect.ignore)
  })

  const outcomeOf = (name: string): Effect.Effect<Outcome> => {
    const outcome = outcomes.get(name)
    return outcome === undefined ? Effect.die(`${name} does not take part in this run`) : Deferred.await(outcome)
  }

  const settle = Effect.fnUntraced(function*(instance: NodeInstance): Effect.fn.Return<Outcome> {
    const upstream = yield* Effect.forEach(upstreamOf(instance), outcomeOf)
    const blocked = upstream.find((outcome) => "failed" in outcome)
    if (blocked !== undefined && "failed" in blocked) {
      yield* skip(instance, blocked.failed)
      return blocked
    }
    const begun = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(obtain(instance))
    if (Exit.isSuccess(exit)) return { output: output(instance.name) }
    if (Cause.hasInterrupts(exit.cause)) return yield* Effect.interrupt
    yield* fail(instance, exit.cause, begun)
    return { failed: instance.name }
  })

  const finish = Effect.fnUntraced(function*(interrupted: boolean) {
    const now = yield* Clock.currentTimeMillis
    const count = (status: ExecutionRow["status"]) => [...statuses.values()].filter((each) => each === status).length
    const counts = { executed: count("executed"), cached: count("cached"), failed: count("failed") }
    if (interrupted) yield* emit({ type: "RunInterrupted", run })
    yield* catalog.finishRun({
      run,
      status: interrupted ? "interrupted" : counts.failed > 0 ? "failed" : "succeeded",
      ...counts,
      finishedAt: now
    }).pipe(Effect.ensuring(emit({ type: "RunFinished", run, ...counts, durationMs: now - startedAt })))
    return { type: "RunFinished", run, ...counts, durationMs: now - startedAt } satisfies RunFinished
  })

  yield* emit({
    type: "RunStarted",
    run,
    pipeline: pipeline.name,
    file,
    store: store.root,
    nodes: instances.map((instance) => ({ ...names(instance), inputs: upstreamOf(instance) }))
  })
  yield* Effect.forEach(instances, (instance) =>
    Effect.flatMap(settle(instance), (outcome) =>
      Effect.suspend(() => {
        const done = outcomes.get(instance.name)
        return done === undefined ? Effect.void : Deferred.succeed(done, outcome)
      })), { concurrency: "unbounded", discard: true }).pipe(
      Effect.onInterrupt(() => Effect.ignore(finish(true)))
    )
  const finished = yield* finish(false)
  const digests = new Map([...outputs].map(([name, { digest }]) => [name, digest]))
  return { ...finished, failures, outputs: digests } satisfies RunResult
}, Effect.scoped)

const isArtifactAbsent = (error: unknown): boolean =>
  error instanceof Error && "_tag" in error && error._tag === "ArtifactAbsent"
