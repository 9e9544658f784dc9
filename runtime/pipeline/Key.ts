/**
 * The key of a node instance: everything its output depends on, as a structured value. Equal keys mean equal work, so
 * the output stored under a key is reused; two keys that differ say by their parts why a node must run again.
 */
import * as Schema from "effect/Schema"
import { digestJson, type Json } from "../../artifacts/CanonicalJson.ts"
import type * as Column from "../../artifacts/Column.ts"
import type * as TableType from "../../artifacts/TableType.ts"
import type { DecodedConfig } from "./Config.ts"
import { inputType, type NodeInstance } from "./Pipeline.ts"

const Digests = Schema.Record(Schema.String, Schema.String)

/** Per file of code a digest of each declaration that the node reaches; for any other file a digest of its content. */
export const CodeParts = Schema.Record(Schema.String, Schema.Union([Schema.String, Digests]))

export const NodeKey = Schema.Struct({
  /** The node's own name, not the instance's: instances with equal keys share one output. */
  node: Schema.String,
  /** `digest` decides; `parts` are kept so that a difference can name the function. */
  code: Schema.Struct({ digest: Schema.String, parts: CodeParts }),
  /** Name and version of the packages that the code reaches. */
  packages: Digests,
  /** The decoded config, defaults filled in, without the paths of input files. */
  config: Schema.Record(Schema.String, Schema.Json),
  /** Digest of the content of each input file or directory, by config field. */
  files: Digests,
  /** Digest of the value of each environment variable that the node declares, or "absent". Absent when it declares none. */
  environment: Schema.optionalKey(Digests),
  /** Digest of the table type that the node makes. */
  output: Schema.String,
  /** Per input, for each table wired to it, the digests of the columns that the node declares to read. */
  inputs: Schema.Record(Schema.String, Schema.Array(Digests)),
  /** For a node on a device and a seeded one, what changes rounding: onnxruntime version, execution provider, dtype. */
  numerics: Schema.optionalKey(Digests)
})
export type NodeKey = typeof NodeKey.Type

/** What of a key is known before anything upstream has run. */
export type OwnKey = Omit<NodeKey, "inputs">

/** The code that a node runs: digest of the whole, digests of its declarations, versions of the packages it reaches. */
export interface CodeFingerprint {
  readonly code: { readonly digest: string; readonly parts: typeof CodeParts.Type }
  readonly packages: { readonly [name: string]: string }
}

/**
 * The parts of an instance's key that do not depend on other nodes. `files` holds a digest for each `config.files`,
 * `environment` one for each variable that the node declares.
 */
export const ownKey = (parts: {
  readonly instance: NodeInstance
  readonly config: DecodedConfig
  readonly fingerprint: CodeFingerprint
  readonly files: Readonly<Record<string, string>>
  readonly environment?: Readonly<Record<string, string>>
  readonly numerics?: Readonly<Record<string, string>>
}): OwnKey => ({
  node: parts.instance.node.name,
  code: parts.fingerprint.code,
  packages: parts.fingerprint.packages,
  config: parts.config.key,
  files: parts.files,
  ...(parts.environment === undefined ? {} : { environment: parts.environment }),
  output: contract(parts.instance.node.output),
  ...(parts.numerics === undefined ? {} : { numerics: parts.numerics })
})

/**
 * The digests of the columns that an instance declares to read, given those of its upstream outputs; undefined while one
 * of these is not known.
 */
export const inputDigests = (
  instance: NodeInstance,
  columnsOf: (upstream: string) => Readonly<Record<string, string>> | undefined
): NodeKey["inputs"] | undefined => {
  const inputs: Record<string, ReadonlyArray<Record<string, string>>> = {}
  for (const [input, wired] of Object.entries(instance.inputs)) {
    const declared = Object.keys(inputType(instance.node, input)?.columns ?? {})
    const tables: Array<Record<string, string>> = []
    for (const upstream of wired) {
      const columns = columnsOf(upstream)
      if (columns === undefined) return undefined
      tables.push(Object.fromEntries(declared.map((column) => [column, known(columns[column], upstream, column)])))
    }
    inputs[input] = tables
  }
  return inputs
}

/** The digest under which an output is stored. Of the code only the digest of the whole enters. */
export const keyDigest = (key: NodeKey): string =>
  digestJson({ ...key, code: key.code.digest, environment: key.environment ?? {}, numerics: key.numerics ?? {} })

const known = (digest: string | undefined, upstream: string, column: string): string => {
  // A wired table has the columns its reader declares, so this is a defect and not something a user can cause.
  if (digest === undefined) throw new Error(`the output of ${upstream} has no digest for its column ${column}`)
  return digest
}

const contracts = new WeakMap<TableType.Any, string>()

/** What of a table type enters the key: names and types, in order, without docs and units. */
const contract = (type: TableType.Any): string => {
  const known = contracts.get(type)
  if (known !== undefined) return known
  const digest = digestJson({ name: type.name, columns: fields(type.columns) })
  contracts.set(type, digest)
  return digest
}

const fields = (columns: Column.Fields): Json =>
  Object.entries(columns).map(([name, column]) => ({ name, type: shape(column) }))

const shape = (column: Column.Any): { readonly [part: string]: Json } => ({
  kind: column.kind,
  nullable: column.nullable,
  ...(column.kind === "list" ? { of: shape(column.of) } : {}),
  ...(column.kind === "struct" ? { fields: fields(column.fields) } : {})
})
