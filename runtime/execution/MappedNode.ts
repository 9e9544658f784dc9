/**
 * Obtains the output of a mapped node: its input is cut into partitions, each of which is an action with a key of its own,
 * and the outputs of these are put one after the other. A partition that was computed before, in whatever table, is not
 * computed again.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ArtifactRef, ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import type { Table } from "../../artifacts/Table.ts"
import * as TableType from "../../artifacts/TableType.ts"
import type { Place } from "../onnx/Place.ts"
import { inputDigests, keyDigest as digestOf, type NodeKey } from "../pipeline/Key.ts"
import type { Mapped } from "../pipeline/Mapped.ts"
import { inputType, type NodeInstance, type Pipeline } from "../pipeline/Pipeline.ts"
import type { Reason } from "../pipeline/Plan.ts"
import type { Claims } from "./Claims.ts"
import type { nodeExecutor } from "./ExecuteNode.ts"
import { mappedProgress } from "./MappedProgress.ts"
import { nodeWorkspace } from "./NodeWorkspace.ts"
import { obtainAction, type Output } from "./Obtain.ts"
import type { PartitionStream } from "./PartitionStream.ts"
import type { PlanningEnvironment } from "./PlanningEnvironment.ts"
import type { InputArtifacts, PartitionOutput, RunRecorder } from "./RunRecorder.ts"
import { sharing } from "./Shared.ts"

export interface MappedOptions {
  readonly pipeline: Pipeline
  readonly store: ArtifactStore["Service"]
  readonly environment: PlanningEnvironment
  readonly record: RunRecorder
  readonly claims: Claims
  readonly executor: Effect.Success<ReturnType<typeof nodeExecutor>>
  /** How many partitions of one node may be at work at once. */
  readonly jobs: number
  /** The output of an upstream instance that is there. */
  readonly outputOf: (upstream: string) => Output
}

/** An instance of a mapped node in a run. */
export interface MappedInstance extends NodeInstance {
  readonly node: NodeInstance["node"] & { readonly mapped: Mapped }
}

export const isMapped = (instance: NodeInstance): instance is MappedInstance => instance.node.mapped !== undefined

/** The instance whose rows are cut. */
export const sourceOf = ({ inputs, node }: MappedInstance): string => {
  const [source] = inputs[node.mapped.over] ?? []
  if (source === undefined) throw new Error(`nothing is wired to ${node.mapped.over}`)
  return source
}

/** Everything about one mapped node in one run; what its partitions share ends with the scope. */
export const mappedNode = Effect.fn("MappedNode.mappedNode")(
  function*(instance: MappedInstance, stream: PartitionStream, options: MappedOptions) {
    const { claims, environment, executor, jobs, outputOf, pipeline, record, store } = options
    const { device, mapped, output } = instance.node
    const shared = yield* sharing
    const sharedByExecution = yield* sharing
    const { config, env, own } = environment.prepared(instance)
    const source = sourceOf(instance)
    const { [mapped.over]: _, ...others } = instance.inputs
    const withoutRows = { ...instance, inputs: others }
    const declared = Object.keys(inputType(instance.node, mapped.over)?.columns ?? {})
    // As the upstream node types them: a column's digest is of its type as well.
    const rowType = TableType.pick(upstreamType(pipeline, source), ...declared)

    /** Keys of the partitions that were executed in this run. */
    const executed = new Set<string>()
    const told = new Set<string>()
    let begunAt: number | undefined
    let devicesUsed: string | null = null
    let rowsInAll: number | undefined
    const progress = mappedProgress(() => rowsInAll, (progress) => record.progress(instance, progress))

    // A policy is opened once for all partitions, so that these run one after the other on the same devices.
    const turn = device ? sharedByExecution("lease", executor.turn(instance)) : executor.turn(instance)
    const otherInputs = sharedByExecution(
      "inputs",
      executor.runner.readInputs(withoutRows, (upstream) => outputOf(upstream).digest)
    )

    const begin = Effect.fnUntraced(function*(reasons: ReadonlyArray<Reason>, leased: ReadonlyArray<Place>) {
      if (begunAt !== undefined) return
      begunAt = yield* Clock.currentTimeMillis
      devicesUsed = device ? leased.map(({ device }) => device).join(", ") : null
      yield* record.begun({ instance, reasons, device: devicesUsed })
    })

    interface Partition {
      readonly position: number
      /** How many there are; null while that is not known. */
      readonly of: number | null
      readonly rows: Table<TableType.Any>
      readonly reasons: ReadonlyArray<Reason>
    }

    const execute = Effect.fnUntraced(
      function*({ position, reasons, rows }: Partition, key: NodeKey, keyDigest: string, leased: ReadonlyArray<Place>) {
        yield* begin(reasons, leased)
        const workspace = yield* nodeWorkspace(store.root, keyDigest)
        const type = inputType(instance.node, mapped.over)
        const table = type === undefined ? rows : yield* rows.project(type)
        const made = yield* executor.runner.run({
          instance,
          config: config.value,
          env,
          devices: leased,
          workspace,
          shared,
          inputs: { ...yield* otherInputs, [mapped.over]: table },
          progress: progress.of(position, rows.numRows),
          attempts: executor.attemptsOf(instance)
        })
        yield* executor.checkFiles(instance)
        yield* record.partition(instance, { key, keyDigest, made })
        yield* workspace.discard
        executed.add(keyDigest)
        return { digest: made.digest, columns: made.columns, rows: made.numRows } satisfies Output
      },
      Effect.scoped
    )

    const obtainPartition = Effect.fnUntraced(function*(partition: Partition) {
      const { of, position, rows } = partition
      const startedAt = yield* Clock.currentTimeMillis
      const key = yield* partitionKey(rows)
      const keyDigest = digestOf(key)
      const obtained = yield* obtainAction(claims, {
        keyDigest,
        forced: environment.forced(instance) && !executed.has(keyDigest),
        known: environment.known,
        turn,
        execute: (leased) => execute(partition, key, keyDigest, leased),
        waiting: (owner) => record.waiting(instance, owner)
      })
      progress.done(position)
      yield* stream.publish(position, obtained.output.digest)
      if (!told.has(keyDigest)) {
        told.add(keyDigest)
        const durationMs = (yield* Clock.currentTimeMillis) - startedAt
        yield* record.partitionFinished(instance, {
          position,
          of,
          status: obtained.status,
          rows: obtained.output.rows,
          durationMs
        })
      }
      const { digest, rows: row_count } = obtained.output
      return { partition_key: keyDigest, output: digest, row_count } satisfies PartitionOutput
    })

    /** As the node's key, with the digests of the partition's columns in the place of the whole table's. */
    const partitionKey = Effect.fnUntraced(function*(rows: Table<TableType.Any>) {
      const { digestTable } = yield* Effect.promise(() => import("../../artifacts/Digest.ts"))
      const inputs = inputDigests(withoutRows, (upstream) => outputOf(upstream).columns)
      return { ...own, inputs: { ...inputs, [mapped.over]: [digestTable(rows).columns] } } satisfies NodeKey
    })

    const concurrency = device ? 1 : jobs

    /**
     * Computes partitions while the upstream node is still making the rows: what comes of it is found in the store by
     * `obtain`. Ends when no more rows come, or earlier when the partitions cannot be told before all rows are there.
     */
    const follow = Effect.fnUntraced(function*(upstream: PartitionStream, reasons: ReadonlyArray<Reason>) {
      const { partitioner } = yield* Effect.promise(() => import("./Partitioner.ts"))
      const rows = partitioner(rowType, mapped)
      let position = 0
      for (let piece = 0;; piece++) {
        const digest = yield* upstream.at(piece)
        if (digest === undefined) return
        const complete = yield* rows.add(yield* store.get(rowType, digest))
        if (complete === undefined) return
        const from = position
        position += complete.length
        yield* Effect.forEach(
          complete,
          (rows, index) => obtainPartition({ position: from + index, of: null, rows, reasons }),
          { concurrency, discard: true }
        )
      }
    })

    /** Obtains the output of the whole, all inputs being there, and notes it under the node's key. */
    const obtain = Effect.fnUntraced(
      function*(key: NodeKey, keyDigest: string, reasons: ReadonlyArray<Reason>, inputs: InputArtifacts) {
        const startedAt = yield* Clock.currentTimeMillis
        const { partitionsOf } = yield* Effect.promise(() => import("./Partitioner.ts"))
        const table = yield* store.get(rowType, outputOf(source).digest)
        rowsInAll = table.numRows
        const partitions = yield* partitionsOf(table, mapped)
        const parts = yield* Effect.forEach(
          partitions,
          (rows, position) => obtainPartition({ position, of: partitions.length, rows, reasons }),
          { concurrency }
        )
        const made = yield* assemble(parts)
        const status = executed.size > 0 ? "executed" : "cached"
        const begun = {
          instance,
          key,
          keyDigest,
          reasons,
          inputs,
          device: devicesUsed,
          startedAt: begunAt ?? startedAt
        }
        yield* record.executed(begun, made, { status, partitions: parts })
        return { digest: made.digest, columns: made.columns, rows: made.numRows } satisfies Output
      }
    )

    const assemble = Effect.fnUntraced(function*(parts: ReadonlyArray<PartitionOutput>) {
      const [only, ...more] = parts
      const whole: ArtifactRef = only !== undefined && more.length === 0
        ? yield* store.describe(only.output)
        : yield* Effect.gen(function*() {
          const { concatenate } = yield* Effect.promise(() => import("../../artifacts/TableRows.ts"))
          const tables = yield* Effect.forEach(parts, (part) => store.get(output, part.output))
          return yield* store.put(yield* concatenate(output, tables))
        })
      return whole
    })

    return { follow, obtain }
  }
)

export type MappedNode = Effect.Success<ReturnType<typeof mappedNode>>

const upstreamType = (pipeline: Pipeline, name: string): TableType.Any => {
  const upstream = pipeline.byName.get(name)
  if (upstream === undefined) throw new Error(`${name} is wired and not in the pipeline`)
  return upstream.node.output
}
