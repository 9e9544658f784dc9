/** Tells what happens in a run, to the catalog and as events: both hear the same, the catalog first. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { hostname } from "node:os"
import type { ArtifactRef } from "../../artifacts/ArtifactStore.ts"
import { Catalog } from "../lineage/Catalog.ts"
import type { ExecutionRow, InputRow, PartitionRow } from "../lineage/CatalogRows.ts"
import type { NodeKey } from "../pipeline/Key.ts"
import type { Progress } from "../pipeline/Node.ts"
import { type NodeInstance, type Pipeline, upstreamOf } from "../pipeline/Pipeline.ts"
import type { Reason } from "../pipeline/Plan.ts"
import type { FailedAttempt } from "./Attempts.ts"
import type { ClaimOwner } from "./ClaimTable.ts"
import { Devices } from "./Devices.ts"
import type { Event, EventSink, PartitionFinished, RunFinished } from "./Event.ts"
import type { Output } from "./Obtain.ts"
import { renderReasons } from "./Reasons.ts"
import { recordQueue } from "./RecordQueue.ts"
import { newRunId } from "./RunId.ts"

/** The artifacts that an instance reads. */
export type InputArtifacts = ReadonlyArray<Omit<InputRow, "run" | "node">>

/** An execution under way. */
export interface Begun {
  readonly instance: NodeInstance
  readonly key: NodeKey
  readonly keyDigest: string
  readonly reasons: ReadonlyArray<Reason>
  readonly inputs: InputArtifacts
  readonly device: string | null
  readonly startedAt: number
}

/** An executed partition of a mapped node. */
export interface MadePartition {
  readonly key: NodeKey
  readonly keyDigest: string
  readonly made: ArtifactRef
}

/** What the output of a mapped node consists of. */
export type PartitionOutput = Pick<PartitionRow, "output" | "partition_key" | "row_count">

/** How the output of a mapped node came about: `cached` when no partition had to be executed. */
export interface Assembled {
  readonly status: "executed" | "cached"
  readonly partitions: ReadonlyArray<PartitionOutput>
}

export type FinishedPartition = Omit<typeof PartitionFinished.Type, "type" | "node" | "kind">

export interface RunDescription {
  readonly pipeline: Pipeline
  readonly file: string
  readonly store: string
  readonly settings: ReadonlyArray<string>
  /** Those that take part. */
  readonly instances: ReadonlyArray<NodeInstance>
  readonly sink: EventSink
}

export type RunRecorder = Effect.Success<ReturnType<typeof runRecorder>>

export const runRecorder = Effect.fn("RunRecorder.runRecorder")(function*(description: RunDescription) {
  const { file, instances, pipeline, settings, sink } = description
  const catalog = yield* Catalog
  const devices = yield* Devices
  const runStartedAt = yield* Clock.currentTimeMillis
  const run = newRunId(runStartedAt)
  const statuses = new Map<string, ExecutionRow["status"]>()
  const queue = yield* recordQueue(catalog)
  const emit = (event: Event) => Effect.sync(() => queue.afterwards(() => sink(event)))
  const names = (instance: NodeInstance) => ({ node: instance.name, kind: instance.node.name })

  const row = (
    instance: NodeInstance,
    status: ExecutionRow["status"],
    startedAt: number,
    now: number
  ): ExecutionRow => ({
    run,
    ...names(instance),
    status,
    key_digest: null,
    output: null,
    row_count: null,
    reasons: [],
    device: null,
    started_at: startedAt,
    duration_ms: now - startedAt,
    error: null
  })

  const started = Effect.gen(function*() {
    yield* catalog.startRun({
      run,
      pipeline: pipeline.name,
      file,
      settings,
      host: hostname(),
      pid: process.pid,
      started_at: runStartedAt,
      finished_at: null,
      status: "running",
      executed: 0,
      cached: 0,
      failed: 0
    })
    yield* emit({
      type: "RunStarted",
      run,
      pipeline: pipeline.name,
      file,
      store: description.store,
      devices: devices.names,
      nodes: instances.map((instance) => ({ ...names(instance), inputs: upstreamOf(instance) }))
    })
  })

  const cached = Effect.fnUntraced(
    function*(instance: NodeInstance, keyDigest: string, output: Output, inputs: InputArtifacts, startedAt: number) {
      const now = yield* Clock.currentTimeMillis
      const { digest, rows } = output
      const execution = {
        ...row(instance, "cached", startedAt, now),
        key_digest: keyDigest,
        output: digest,
        row_count: rows
      }
      const why = { reasons: [], details: [] }
      const event = { ...names(instance), key: keyDigest, digest, rows, durationMs: now - startedAt, ...why }
      yield* queue.note({
        record: { pipeline: pipeline.name, execution, inputs },
        tell: () => {
          statuses.set(instance.name, "cached")
          sink({ type: "NodeFinished", status: "cached", ...event })
        }
      })
    }
  )

  const begun = ({ device, instance, reasons }: Pick<Begun, "device" | "instance" | "reasons">) =>
    emit({ type: "NodeStarted", ...names(instance), ...renderReasons(reasons), device })

  const executed = Effect.fnUntraced(
    function*(
      { device, inputs, instance, key, keyDigest, reasons, startedAt }: Begun,
      made: ArtifactRef,
      { partitions, status }: Assembled = { partitions: [], status: "executed" }
    ) {
      const now = yield* Clock.currentTimeMillis
      const why = renderReasons(status === "executed" ? reasons : [])
      const { bytes, columns, digest, numRows: rows, table } = made
      const stored = { output: digest, row_count: rows, key_digest: keyDigest }
      const record = {
        pipeline: pipeline.name,
        execution: { ...row(instance, status, startedAt, now), ...stored, reasons: why.details, device },
        inputs,
        action: { ...stored, key, type: table, bytes, columns, run, node: instance.name, created_at: now },
        partitions: partitions.map((partition, position) => ({ key_digest: keyDigest, position, ...partition }))
      }
      const event = { ...names(instance), key: keyDigest, digest, rows, durationMs: now - startedAt, ...why }
      yield* queue.note({
        record,
        tell: () => {
          statuses.set(instance.name, status)
          sink({ type: "NodeFinished", status, ...event })
        }
      })
    }
  )

  const partition = Effect.fnUntraced(function*(instance: NodeInstance, { key, keyDigest, made }: MadePartition) {
    const created_at = yield* Clock.currentTimeMillis
    const { bytes, columns, digest, numRows: row_count, table } = made
    const stored = { output: digest, row_count, key_digest: keyDigest }
    const action = { ...stored, key, type: table, bytes, columns, run, node: instance.name, created_at }
    yield* queue.note({ action, tell: () => undefined })
  })

  const partitionFinished = (instance: NodeInstance, partition: FinishedPartition) =>
    emit({ type: "PartitionFinished", ...names(instance), ...partition })

  const unfinished = (
    instance: NodeInstance,
    status: "failed" | "skipped",
    message: string,
    startedAt: number,
    now: number
  ) => {
    statuses.set(instance.name, status)
    const execution = { ...row(instance, status, startedAt, now), error: message }
    // The node's failure is what matters; a catalog that cannot be written shows again at the end of the run.
    return queue.note({ record: { pipeline: pipeline.name, execution, inputs: [] }, tell: () => undefined }).pipe(
      Effect.ignore
    )
  }

  const failed = Effect.fnUntraced(function*(instance: NodeInstance, message: string, startedAt: number) {
    const now = yield* Clock.currentTimeMillis
    yield* unfinished(instance, "failed", message, startedAt, now)
    yield* emit({ type: "NodeFailed", ...names(instance), message, durationMs: now - startedAt })
  })

  const skipped = Effect.fnUntraced(function*(instance: NodeInstance, because: string) {
    const now = yield* Clock.currentTimeMillis
    yield* unfinished(instance, "skipped", `${because} failed`, now, now)
    yield* emit({ type: "NodeSkipped", ...names(instance), because })
  })

  /** The run that a node was last told to wait for. */
  const waitsFor = new Map<string, string>()
  const waiting = (instance: NodeInstance, { host, owner, pid, run }: ClaimOwner) =>
    Effect.suspend(() => {
      if (waitsFor.get(instance.name) === owner) return Effect.void
      waitsFor.set(instance.name, owner)
      const where = host === hostname() ? "" : ` on ${host}`
      return emit({ type: "NodeWaiting", ...names(instance), waitsFor: `run ${run} (process ${pid}${where})` })
    })

  const retrying = (instance: NodeInstance, failed: FailedAttempt) =>
    emit({ type: "NodeRetrying", ...names(instance), ...failed })

  const lost = (instance: NodeInstance, digest: string) => {
    const message = `its stored output ${digest.slice(0, 12)} is missing or damaged, so it is computed again`
    return emit({ type: "ArtifactLost", ...names(instance), digest, message })
  }

  const progress = (instance: NodeInstance, progress: Progress) =>
    emit({ type: "NodeProgress", ...names(instance), ...progress })

  const finished = Effect.fnUntraced(function*(how: "completed" | "interrupted") {
    const written = yield* Effect.exit(queue.flush)
    const now = yield* Clock.currentTimeMillis
    const count = (status: ExecutionRow["status"]) => [...statuses.values()].filter((each) => each === status).length
    const counts = { executed: count("executed"), cached: count("cached"), failed: count("failed") }
    const event: RunFinished = { type: "RunFinished", run, ...counts, durationMs: now - runStartedAt }
    const status = how === "interrupted" ? "interrupted" : counts.failed > 0 ? "failed" : "succeeded"
    if (how === "interrupted") yield* emit({ type: "RunInterrupted", run })
    // Always the last event, also of a run whose end cannot be noted.
    yield* catalog.finishRun({ run, status, ...counts, finishedAt: now }).pipe(Effect.ensuring(emit(event)))
    yield* written
    return event
  })

  return {
    run,
    afterwards: queue.afterwards,
    started,
    waiting,
    retrying,
    cached,
    begun,
    partition,
    partitionFinished,
    executed,
    failed,
    skipped,
    lost,
    progress,
    finished
  }
})
