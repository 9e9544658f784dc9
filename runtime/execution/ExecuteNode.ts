/** Executes a node whose inputs are there: with its devices and its folder, noted when it begins and when it has ended. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { Catalog } from "../lineage/Catalog.ts"
import { type Place, placesOf } from "../onnx/Place.ts"
import type { NodeKey } from "../pipeline/Key.ts"
import type { NodeInstance } from "../pipeline/Pipeline.ts"
import type { Reason } from "../pipeline/Plan.ts"
import { Devices } from "./Devices.ts"
import { inputDigest } from "./InputDigest.ts"
import { InputChanged } from "./NodeFailure.ts"
import { nodeWorkspace } from "./NodeWorkspace.ts"
import type { Output } from "./Obtain.ts"
import type { PlanningEnvironment } from "./PlanningEnvironment.ts"
import { nodeRunner } from "./RunNode.ts"
import type { InputArtifacts, RunRecorder } from "./RunRecorder.ts"

/** A node that has to be executed. */
export interface NodeExecution {
  readonly instance: NodeInstance
  readonly key: NodeKey
  readonly keyDigest: string
  readonly reasons: ReadonlyArray<Reason>
  /** The artifacts that it reads. */
  readonly inputs: InputArtifacts
  /** Digest of the output of each upstream instance. */
  readonly artifactOf: (upstream: string) => string
}

export interface NodeExecutorOptions {
  readonly environment: PlanningEnvironment
  readonly record: RunRecorder
  /** How many nodes that need no device may run at once. */
  readonly jobs: number
}

export const nodeExecutor = Effect.fn("ExecuteNode.nodeExecutor")(
  function*({ environment, jobs, record }: NodeExecutorOptions) {
    const catalog = yield* Catalog
    const store = yield* ArtifactStore
    const devices = yield* Devices
    const runner = yield* nodeRunner
    const cores = yield* Semaphore.make(jobs)

    /** Waits for the devices of a node, or for a job when it needs none. */
    const turn = Effect.fnUntraced(function*(instance: NodeInstance) {
      const count = instance.node.devices(environment.prepared(instance).config.value)
      if (count > 0) return yield* devices.lease(count)
      yield* cores.takeScoped(1)
      return placesOf("cpu")
    })

    /** That the files which a node read are still those that its key was made from. */
    const checkFiles = Effect.fnUntraced(function*(instance: NodeInstance) {
      const { config, own } = environment.prepared(instance)
      for (const input of config.files) {
        const digest = yield* Effect.provideService(inputDigest({ node: instance.name, ...input }), Catalog, catalog)
        if (digest !== own.files[input.field]) {
          return yield* new InputChanged({ node: instance.name, path: input.path })
        }
      }
    })

    const execute = Effect.fnUntraced(
      function*(
        { artifactOf, inputs, instance, key, keyDigest, reasons }: NodeExecution,
        leased: ReadonlyArray<Place>
      ) {
        const { config, env } = environment.prepared(instance)
        const device = instance.node.device ? leased.map(({ device }) => device).join(", ") : null
        const workspace = yield* nodeWorkspace(store.root, keyDigest)
        const startedAt = yield* Clock.currentTimeMillis
        const begun = { instance, key, keyDigest, reasons, inputs, device, startedAt }
        yield* record.begun(begun)
        const made = yield* runner.run({
          instance,
          config: config.value,
          env,
          devices: leased,
          workspace,
          inputs: yield* runner.readInputs(instance, artifactOf),
          progress: (progress) => record.progress(instance, progress)
        })
        yield* checkFiles(instance)
        yield* record.executed(begun, made)
        yield* workspace.discard
        return { digest: made.digest, columns: made.columns, rows: made.numRows } satisfies Output
      },
      Effect.scoped
    )

    return { turn, execute, checkFiles, runner }
  }
)
