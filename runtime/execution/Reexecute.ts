/**
 * Executes again what is stored already, to see whether it comes out alike. Everything that the nodes store goes to a
 * scratch store: the results that were there stay as they are, also where what comes out is not the same.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type ArtifactRef, ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { scratchStore } from "../../artifacts/ScratchStore.ts"
import type { Table } from "../../artifacts/Table.ts"
import * as TableType from "../../artifacts/TableType.ts"
import { placesOf } from "../onnx/Place.ts"
import { inputType, type NodeInstance, type Pipeline } from "../pipeline/Pipeline.ts"
import { Devices } from "./Devices.ts"
import { isMapped, type MappedInstance, sourceOf } from "./MappedNode.ts"
import { nodeWorkspace } from "./NodeWorkspace.ts"
import type { PlanningEnvironment } from "./PlanningEnvironment.ts"
import { nodeRunner } from "./RunNode.ts"

/** A result that is there: of a whole node, or of a partition of a mapped one. */
export interface StoredResult {
  readonly instance: NodeInstance
  /** Digest of the key that it is stored under. */
  readonly keyDigest: string
  /** Digest of what is stored. */
  readonly output: string
  /** Which partition; absent for a whole node. */
  readonly position?: number
}

export interface ReexecuteOptions {
  readonly pipeline: Pipeline
  readonly environment: PlanningEnvironment
  /** Digest of the stored output of each upstream instance. */
  readonly artifactOf: (upstream: string) => string
}

/** What came out, and the scratch store in which it is until the scope ends. */
export interface Reexecuted {
  readonly made: ArtifactRef
  readonly store: ArtifactStore["Service"]
}

/** A function that executes results again, with scratch space that lasts as long as the scope. */
export const reexecuter = Effect.fn("Reexecute.reexecuter")(function*(options: ReexecuteOptions) {
  const { artifactOf, environment, pipeline } = options
  const devices = yield* Devices
  const base = yield* ArtifactStore
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => fs.mkdtemp(join(tmpdir(), "gemflow-verify-"))),
    (folder) => Effect.promise(() => fs.rm(folder, { recursive: true, force: true }))
  )
  const store = scratchStore(base, folder)
  /** The partitions of mapped nodes, which are views of their inputs. */
  const cut = new Map<string, ReadonlyArray<Table<TableType.Any>>>()
  const runner = yield* Effect.provideService(nodeRunner, ArtifactStore, store)

  return Effect.fnUntraced(
    function*({ instance, keyDigest, position }: StoredResult) {
      const { config, env } = environment.prepared(instance)
      const count = instance.node.devices(config.value)
      const leased = count > 0 ? yield* devices.lease(count) : placesOf("cpu")
      const workspace = yield* nodeWorkspace(folder, keyDigest)
      const inputs = yield* runner.readInputs(instance, artifactOf)
      const made = yield* runner.run({
        instance,
        config: config.value,
        env,
        devices: leased,
        workspace,
        inputs: position !== undefined && isMapped(instance)
          ? { ...inputs, [instance.node.mapped.over]: yield* partition(instance, position) }
          : inputs,
        progress: () => Effect.void
      })
      return { made, store } satisfies Reexecuted
    },
    Effect.scoped
  )

  /** The rows of one partition, as the node reads them. */
  function partition(instance: MappedInstance, position: number) {
    return Effect.gen(function*() {
      const type = inputType(instance.node, instance.node.mapped.over)
      const parts = cut.get(instance.name) ?? (yield* partitionRows(pipeline, base, instance, artifactOf))
      cut.set(instance.name, parts)
      const rows = parts[position]
      if (type === undefined || rows === undefined) throw new Error(`${instance.name} has no partition ${position}`)
      return yield* rows.project(type)
    })
  }
})

/** The rows of the partitions of a mapped node, in order. */
const partitionRows = (
  pipeline: Pipeline,
  store: ArtifactStore["Service"],
  instance: MappedInstance,
  artifactOf: (upstream: string) => string
) =>
  Effect.gen(function*() {
    const source = sourceOf(instance)
    const upstream = pipeline.byName.get(source)
    if (upstream === undefined) throw new Error(`${source} is wired and not in the pipeline`)
    const declared = Object.keys(inputType(instance.node, instance.node.mapped.over)?.columns ?? {})
    const rowType = TableType.pick(upstream.node.output, ...declared)
    const { partitionsOf } = yield* Effect.promise(() => import("./Partitioner.ts"))
    const parts: ReadonlyArray<Table<TableType.Any>> = yield* partitionsOf(
      yield* store.get(rowType, artifactOf(source)),
      instance.node.mapped
    )
    return parts
  })
