/**
 * A node: a name, a config schema, the tables it reads and the table it makes, and an implementation. Calling a node
 * inside `pipeline(…)` with a config and the outputs of other nodes gives the handle of a new instance.
 *
 * Use as a namespace: `import { Node } from "gemflow"`.
 */
import type * as Effect from "effect/Effect"
import type { FileSystem } from "effect/FileSystem"
import type { Path } from "effect/Path"
import type * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"
import type { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import type { Table } from "../../artifacts/Table.ts"
import type * as TableType from "../../artifacts/TableType.ts"
import type { Sessions } from "../onnx/Sessions.ts"
import { isFields, requireArgument } from "./Argument.ts"
import { register } from "./Builder.ts"
import { type DemandOptions, type Demands, demandsOf } from "./Demands.ts"
import type { Device } from "./Device.ts"
import type { Handle, Inputs, Many, Wires } from "./Handle.ts"
import { type InputKind, inputKind } from "./InputFile.ts"
import { captureStack, filePath, locate, renderLocation } from "./Location.ts"
import { type Declared, type MapOver, type Mapped, mapped } from "./Mapped.ts"
import { checkName } from "./NodeName.ts"
import type { Workspace } from "./Workspace.ts"

/** The services that `run` may require; the executor provides them. */
export type NodeServices = ArtifactStore | Device | FileSystem | Path | Scope | Sessions | Workspace

/**
 * What may be said of a node's output when it runs again with an equal key:
 * `exact` the same bytes on any machine, `seeded` the same given the same numerics (onnxruntime, provider, dtype),
 * `sampled` another draw each time (reused all the same; only `--force` draws again).
 */
export type Determinism = "exact" | "seeded" | "sampled"

/** How far a running node is, in units it names ("tokens", "steps", "pairs"). */
export interface Progress {
  readonly done: number
  readonly total: number
  readonly unit: string
  /** What a person should know of this execution, e.g. `continued from step 400`. */
  readonly note?: string
}

/** The tables that `run` receives, projected to the columns that the node declares. */
export type Tables<In extends Inputs> = {
  readonly [Name in keyof In]: In[Name] extends Many<infer T> ? ReadonlyArray<Table<T>>
    : In[Name] extends TableType.Any ? Table<In[Name]>
    : never
}

/** What `run` receives. */
export interface RunContext<Config, In> {
  /** The decoded config: defaults filled in, paths of `InputFile` and `InputDirectory` absolute. */
  readonly config: Config
  readonly inputs: In
  /** The environment variables that the node declares, by name; undefined where one is not set. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly progress: (progress: Progress) => Effect.Effect<void>
  /**
   * What all partitions of an execution of a mapped node share, such as an open policy: made when it is first asked for
   * under a name, and there until the execution ends.
   */
  readonly shared: <A, E, R>(name: string, make: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** A config schema: a struct that decodes and encodes without services. */
export interface ConfigSchema<Fields extends Schema.Struct.Fields = Schema.Struct.Fields>
  extends Schema.Struct<Fields>
{
  readonly "DecodingServices": never
  readonly "EncodingServices": never
}

/** What a node is made from. */
export interface Options<
  Fields extends Schema.Struct.Fields,
  In extends Inputs,
  Out extends TableType.Any,
  E extends Error
> extends DemandOptions<Schema.Struct.Type<Fields>> {
  /** What the node computes, in a sentence; shown by `plan` and `lineage`. */
  readonly doc?: string
  /** `import.meta.url` of the file that defines the node: its code, with what it imports, is part of the key. */
  readonly module: string
  readonly config: ConfigSchema<Fields>
  readonly inputs: In
  readonly output: Out
  readonly determinism: Determinism
  /** True when the node computes on a device: it then waits for a lease, and its key holds the numerics. */
  readonly device?: boolean
  /** How many devices a node on devices computes on at once: leased all or none. Default one. */
  readonly devices?: (config: Schema.Struct.Type<Fields>) => number
  /**
   * For a node that may be computed a partition of rows at a time: `map: { over: "pairs", by: "prompt_id" }`. Each partition
   * is cached by itself, so that after rows were appended only these are computed, and what a node without a device makes
   * of one partition goes on to the next mapped node while it computes the following one.
   */
  readonly map?: MapOver<In>
  /**
   * Environment variables that the node reads, as `env["NAME"]` in `run`. Digests of their values are part of the key, the
   * values are kept nowhere. Reading `process.env` is refused, since a change there would go unnoticed.
   */
  readonly env?: ReadonlyArray<string>
  /**
   * The implementation. Import what is heavy (Arrow, policies) with `import()` inside, so that planning stays light; the
   * code fingerprint reaches it all the same.
   */
  readonly run: (
    context: RunContext<Schema.Struct.Type<Fields>, Tables<In>>
  ) => Effect.Effect<ReadonlyArray<TableType.Row<Out>>, E, NodeServices>
}

/** A node with its types forgotten: what planning and execution work with. */
export interface Definition {
  readonly name: string
  readonly doc: string
  readonly module: string
  readonly config: ConfigSchema
  readonly inputs: Inputs
  readonly output: TableType.Any
  readonly determinism: Determinism
  readonly device: boolean
  /** Present when the node may be computed a partition of rows at a time. */
  readonly mapped?: Mapped
  /** The config fields that are an `InputFile` or an `InputDirectory`. */
  readonly files: Readonly<Record<string, InputKind>>
  /** The environment variables that it reads. */
  readonly env: ReadonlyArray<string>
  /** The stack when it was made, which tells where. */
  readonly madeAt: () => string
  /** How many devices it needs at once, for a decoded config; 0 for a node that computes on none. */
  devices(config: unknown): number
  /** Its retries, timeout and resources, for a decoded config. */
  demands(config: unknown): Demands
  // A method, so that a node that reads certain tables is a Definition; the executor hands it what it declares.
  run(
    context: RunContext<unknown, Readonly<Record<string, unknown>>>
  ): Effect.Effect<ReadonlyArray<TableType.Row<TableType.Any>>, Error, NodeServices>
}

/** What a call of a node may say beside config and wiring. */
export interface InstanceOptions {
  /** The name of the instance, when the node's own name is taken or says too little. */
  readonly name?: string
}

/**
 * What a node is called with and gives. Only the compiler sees it, under `~contract` of a node: it is how the changes of a
 * variant know the node's types.
 */
export interface Contract<out Config, out In extends Inputs, out Out extends TableType.Any> {
  readonly config: Config
  readonly inputs: In
  readonly output: Out
}

/** A node with its contract. */
export interface Typed<out Config, out In extends Inputs, out Out extends TableType.Any> extends Any {
  readonly "~contract"?: Contract<Config, In, Out>
}

/** A node that reads tables. */
export interface Transform<Config, In extends Inputs, Out extends TableType.Any> {
  <Given>(config: Config, inputs: Wires<In, Given>, options?: InstanceOptions): Handle<Out>
  readonly definition: Definition
  readonly "~contract"?: Contract<Config, In, Out>
}

/** A node without inputs. Its config may be left out when every field has a default. */
export interface Source<Config, Out extends TableType.Any> {
  (
    ...args: {} extends Config ? [config?: Config, inputs?: Readonly<Record<string, never>>, options?: InstanceOptions]
      : [config: Config, inputs?: Readonly<Record<string, never>>, options?: InstanceOptions]
  ): Handle<Out>
  readonly definition: Definition
  readonly "~contract"?: Contract<Config, {}, Out>
}

/** What `make` gives: a `Source` when there are no inputs, else a `Transform`. */
export type Node<Config, In extends Inputs, Out extends TableType.Any> = keyof In extends never ? Source<Config, Out>
  : Transform<Config, In, Out>

/** Any node, as `variant` swaps it in. */
export interface Any {
  readonly definition: Definition
}

/** An input that takes any number of tables of one type: `inputs: { evaluations: Node.many(AnswerEvaluation) }`. */
export const many = <T extends TableType.Any>(type: T): Many<T> => ({ _tag: "Many", type })

/**
 * Defines a node.
 *
 * @throws InvalidNodeName when the name cannot be used in `--set NODE.FIELD=VALUE`.
 */
export function make<
  const Fields extends Schema.Struct.Fields,
  const In extends Inputs,
  Out extends TableType.Any,
  E extends Error = never
>(name: string, options: Options<Fields, In, Out, E>): Node<Schema.Struct.Encoded<Fields>, In, Out>
export function make(
  name: string,
  options:
    & Omit<Definition, "name" | "doc" | "device" | "devices" | "demands" | "files" | "env" | "madeAt" | "mapped">
    & DemandOptions<never>
    & {
      readonly doc?: string
      readonly device?: boolean
      readonly env?: ReadonlyArray<string>
      readonly map?: Declared
      devices?(config: unknown): number
    }
): Any {
  checkName(name, () => filePath(options.module))
  const { config, determinism, doc = "", device = false, inputs, module, output } = options
  const definition: Definition = {
    name,
    doc,
    module,
    config,
    inputs,
    output,
    determinism,
    device,
    devices: (decoded) => device ? options.devices?.(decoded) ?? 1 : 0,
    demands: demandsOf(options),
    ...(options.map === undefined ? {} : { mapped: mapped(name, inputs, options.map, () => filePath(module)) }),
    files: inputFields(config),
    env: options.env ?? [],
    madeAt: captureStack(make),
    run: (context) => options.run(context)
  }
  const call = (config: object = {}, wires: object = {}, options: InstanceOptions = {}) => {
    const location = locate(call)
    const place = () => renderLocation(location())
    requireArgument(
      isFields(config),
      place,
      `${name}(config, inputs, options)`,
      "an object of config fields first",
      config
    )
    requireArgument(isFields(wires), place, `${name}(config, inputs, options)`, "an object of inputs second", wires)
    requireArgument(isFields(options), place, `${name}(config, inputs, options)`, "{ name: \"…\" } third", options)
    return register({
      name: options.name ?? name,
      node: definition,
      config: { ...config },
      wires: { ...wires },
      location
    })
  }
  return Object.assign(call, { definition })
}

const inputFields = (config: ConfigSchema): Record<string, InputKind> => {
  const files: Record<string, InputKind> = {}
  for (const [field, schema] of Object.entries(config.fields)) {
    const kind = inputKind(schema.ast)
    if (kind !== undefined) files[field] = kind
  }
  return files
}
