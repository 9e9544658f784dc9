/** Executes a node whose inputs are there: with its devices and its folder, noted when it begins and when it has ended. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { Catalog } from "../lineage/Catalog.ts"
import { type Place, placesOf } from "../onnx/Place.ts"
import type { NodeKey } from "../pipeline/Key.ts"
import type { NodeInstance } from "../pipeline/Pipeline.ts"
import type { Reason } from "../pipeline/Plan.ts"
import { attempts } from "./Attempts.ts"
import { Devices } from "./Devices.ts"
import { inputDigest } from "./InputDigest.ts"
import { InputChanged } from "./NodeFailure.ts"
import { type NodePolicy, nodePolicy } from "./NodePolicy.ts"
import { nodeWorkspace } from "./NodeWorkspace.ts"
import type { Output } from "./Obtain.ts"
import type { PlanningEnvironment } from "./PlanningEnvironment.ts"
import { type Amounts, ResourceLeases, TooFewResources } from "./Resources.ts"
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
  /** The instances that take part. */
  readonly instances: ReadonlyArray<NodeInstance>
  /** What the run has of its resources; `jobs` is one of them. */
  readonly limits: Amounts
  /** In the place of the nodes' own numbers of retries. */
  readonly retries?: number | undefined
  /** The node because of whose failure no other is to begin, if there is one. */
  readonly stoppedBy: () => string | undefined
  /** Is told that a node has failed while that still has its turn, so that no other begins meanwhile. */
  readonly failing: (instance: NodeInstance, error: unknown) => void
}

/** No node is to begin any more, since one has failed. */
export class RunStopped extends Schema.TaggedError<RunStopped>()("RunStopped", { because: Schema.String }) {
  override get message(): string {
    return `${this.because} failed, and the run was to stop at the first failure.`
  }
}

/** What a node takes of the resources of a run: one job beside what it asks for, unless it computes on a device. */
const takenBy = (instance: NodeInstance, { resources }: NodePolicy): Amounts =>
  instance.node.device ? resources : { jobs: 1, ...resources }

export const nodeExecutor = Effect.fn("ExecuteNode.nodeExecutor")(
  function*({ environment, failing, instances, limits, record, retries, stoppedBy }: NodeExecutorOptions) {
    const catalog = yield* Catalog
    const store = yield* ArtifactStore
    const devices = yield* Devices
    const runner = yield* nodeRunner
    const leases = new ResourceLeases(limits)
    const policies = new Map<string, NodePolicy>()
    for (const instance of instances) {
      const demands = instance.node.demands(environment.prepared(instance).config.value)
      const policy = yield* Effect.fromResult(nodePolicy(instance.name, demands, retries))
      const tooMuch = leases.tooMuch(takenBy(instance, policy))
      if (tooMuch !== undefined) return yield* new TooFewResources({ node: instance.name, ...tooMuch })
      policies.set(instance.name, policy)
    }
    const policyOf = ({ name }: NodeInstance): NodePolicy => {
      const policy = policies.get(name)
      if (policy === undefined) throw new Error(`${name} does not take part in this run`)
      return policy
    }

    /** Waits for what a node takes of the resources, and then for its devices: always in this order, so that none wait for each other. */
    const turn = Effect.fnUntraced(function*(instance: NodeInstance) {
      yield* leases.lease(takenBy(instance, policyOf(instance)))
      const count = instance.node.devices(environment.prepared(instance).config.value)
      const places = count > 0 ? yield* devices.lease(count) : placesOf("cpu")
      const because = stoppedBy()
      if (because !== undefined) return yield* new RunStopped({ because })
      return places
    })

    /** Tries work of a node as often and as long as the node says. */
    const attemptsOf = (instance: NodeInstance) => <A, E, R>(work: Effect.Effect<A, E, R>) =>
      attempts(instance.name, policyOf(instance).attempts, (failed) => record.retrying(instance, failed), work).pipe(
        Effect.tapCause((cause) =>
          Effect.sync(() => {
            if (!Cause.hasInterrupts(cause)) failing(instance, Cause.squash(cause))
          })
        )
      )

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
          progress: (progress) => record.progress(instance, progress),
          attempts: attemptsOf(instance)
        })
        yield* checkFiles(instance)
        yield* record.executed(begun, made)
        yield* workspace.discard
        return { digest: made.digest, columns: made.columns, rows: made.numRows } satisfies Output
      },
      Effect.scoped
    )

    return { turn, attemptsOf, execute, checkFiles, runner }
  }
)
