/** What planning looks up, answered by the catalog, the artifact store, the source files and the input files. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import type { StoreError } from "../../artifacts/StoreError.ts"
import { Catalog, type CatalogError } from "../lineage/Catalog.ts"
import type { ActionRow } from "../lineage/CatalogRows.ts"
import { decodeConfig, type DecodedConfig } from "../pipeline/Config.ts"
import { type CodeFingerprint, NodeKey, type OwnKey, ownKey } from "../pipeline/Key.ts"
import type { Definition } from "../pipeline/Node.ts"
import type { NodeInstance, Pipeline } from "../pipeline/Pipeline.ts"
import type { InvalidNodeConfig } from "../pipeline/PipelineError.ts"
import type { Environment, StoredOutput } from "../pipeline/Plan.ts"
import { codeFingerprint } from "./CodeFingerprint.ts"
import type { CodeNotTraceable } from "./CodeNotTraceable.ts"
import { declaredEnvironment, environmentDigests } from "./DeclaredEnvironment.ts"
import { Devices, TooFewDevices } from "./Devices.ts"
import { fileStamp } from "./FileStamp.ts"
import { inputDigest, type InputNotReadable } from "./InputDigest.ts"
import { numerics } from "./Numerics.ts"

/** What keeps a pipeline from being planned. */
export type PlanningError =
  | InvalidNodeConfig
  | TooFewDevices
  | InputNotReadable
  | CodeNotTraceable
  | CatalogError
  | StoreError

/** An instance with what planning found out about it before anything runs. */
export interface Prepared {
  readonly config: DecodedConfig
  /** The values of the environment variables that the node declares. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly own: OwnKey
}

/** A stored output, with its number of rows. */
export interface KnownOutput extends StoredOutput {
  readonly rows: number
}

export interface PlanningEnvironment extends Environment<PlanningError> {
  readonly prepared: (instance: NodeInstance) => Prepared
  /** As `stored`, of `Environment`, with more about it. */
  readonly known: (keyDigest: string) => Effect.Effect<KnownOutput | undefined, PlanningError>
}

export interface PlanningOptions {
  readonly pipeline: Pipeline
  /** The instances of the pipeline that take part. */
  readonly selected: ReadonlySet<string>
  readonly forced: ReadonlySet<string>
  readonly projectRoot: string
}

/**
 * Decodes every config and digests all code and input files, so that whatever is wrong with these is an error before
 * anything runs.
 */
export const planningEnvironment = Effect.fn("PlanningEnvironment.planningEnvironment")(
  function*({ forced, pipeline, projectRoot, selected }: PlanningOptions) {
    const catalog = yield* Catalog
    const store = yield* ArtifactStore
    const devices = yield* Devices
    const instances = pipeline.nodes.filter(({ name }) => selected.has(name))
    const configs = new Map<string, DecodedConfig>()
    for (const instance of instances) {
      const config = yield* Effect.fromResult(decodeConfig(instance, projectRoot))
      const asked = instance.node.devices(config.value)
      if (asked > devices.names.length) {
        return yield* new TooFewDevices({ node: instance.name, asked, devices: devices.names })
      }
      configs.set(instance.name, config)
    }

    const fingerprints = new Map<Definition, CodeFingerprint>()
    const definitions = [...new Set(instances.map(({ node }) => node))]
    // Nodes share most of their files.
    const stamps = new Map<string, string>()
    const stampNow = (file: string) => {
      const stamp = stamps.get(file) ?? fileStamp(file)
      stamps.set(file, stamp)
      return stamp
    }
    yield* Effect.forEach(
      definitions,
      (definition) =>
        Effect.map(codeFingerprint(definition, stampNow), (fingerprint) => {
          fingerprints.set(definition, fingerprint)
        }),
      { concurrency: 4, discard: true }
    )

    const onDevice = numerics(devices.names)
    const onCpu = numerics(["cpu"])
    // What a seeded node draws is the same given the same numerics, also where it opens sessions without a device of its own.
    const numericsOf = ({ determinism, device }: Definition) =>
      device ? { numerics: onDevice } : determinism === "seeded" ? { numerics: onCpu } : {}
    const prepared = new Map<string, Prepared>()
    for (const instance of instances) {
      const config = present(configs.get(instance.name))
      const files: Record<string, string> = {}
      for (const file of config.files) files[file.field] = yield* inputDigest({ node: instance.name, ...file })
      const fingerprint = present(fingerprints.get(instance.node))
      const env = declaredEnvironment(instance.node)
      const own = ownKey({
        instance,
        config,
        fingerprint,
        files,
        ...(instance.node.env.length === 0 ? {} : { environment: environmentDigests(env) }),
        ...numericsOf(instance.node)
      })
      prepared.set(instance.name, { config, env, own })
    }

    const known = Effect.fnUntraced(function*(keyDigest: string) {
      const action = yield* catalog.action(keyDigest)
      return action === undefined ? undefined : toOutput(action, yield* store.has(action.output))
    })
    const previous = (instance: NodeInstance) =>
      Effect.map(
        catalog.latest(pipeline.name, instance.name),
        (action) => action === undefined ? undefined : Option.getOrUndefined(decodeKey(action.key))
      )
    const find = (instance: NodeInstance) => present(prepared.get(instance.name))
    return {
      own: (instance) => Effect.sync(() => find(instance).own),
      stored: known,
      known,
      previous,
      forced: ({ name }) => forced.has(name),
      prepared: find
    } satisfies PlanningEnvironment
  }
)

// A key of an older layout explains nothing; the node then counts as never run.
const decodeKey = Schema.decodeUnknownOption(NodeKey)

const toOutput = (action: ActionRow, isPresent: boolean): KnownOutput => ({
  digest: action.output,
  columns: action.columns,
  rows: action.row_count,
  present: isPresent
})

const present = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("an instance that does not take part was asked for")
  return value
}
