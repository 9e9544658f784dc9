import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { resolve } from "node:path"
import { canonicalJson, type Json, NotCanonical } from "../../artifacts/CanonicalJson.ts"
import { type ConfigProblem, problemOf } from "./ConfigProblem.ts"
import type { InputKind } from "./InputFile.ts"
import type { ConfigSchema } from "./Node.ts"
import { isOutsideKey } from "./OutsideKey.ts"
import type { NodeInstance } from "./Pipeline.ts"
import { InvalidNodeConfig } from "./PipelineError.ts"

/** A file or directory from outside that an instance reads; its content belongs to the key. */
export interface InputPath {
  readonly field: string
  readonly kind: InputKind
  /** Absolute. */
  readonly path: string
}

/** A config that decoded. */
export interface DecodedConfig {
  /** What `run` receives: defaults filled in, input paths absolute. */
  readonly value: unknown
  /** What the key holds: the config as JSON with defaults filled in, without input paths and fields outside the key. */
  readonly key: { readonly [field: string]: Json }
  readonly files: ReadonlyArray<InputPath>
}

/**
 * Decodes the config of an instance. Relative input paths start at `projectRoot`, the folder of the pipeline's
 * package.json (an absolute path).
 */
export const decodeConfig = (
  instance: NodeInstance,
  projectRoot: string
): Result.Result<DecodedConfig, InvalidNodeConfig> => {
  const codec = codecOf(instance.node.config)
  const decoded = codec.decode(instance.config)
  if (Result.isFailure(decoded)) return Result.fail(invalid(instance, decoded.failure))
  const encoded = codec.encode(decoded.success)
  if (Result.isFailure(encoded)) return Result.fail(invalid(instance, encoded.failure))

  const value: Record<string, unknown> = { ...decoded.success }
  const settings: Record<string, unknown> = { ...encoded.success }
  const files: Array<InputPath> = []
  for (const [field, kind] of Object.entries(instance.node.files)) {
    const path = value[field]
    // An input that may be left out or null stays in the key as it is.
    if (typeof path !== "string") continue
    const absolute = resolve(projectRoot, path)
    value[field] = absolute
    files.push({ field, kind, path: absolute })
    delete settings[field]
  }
  for (const field of codec.outsideKey) delete settings[field]
  return Result.map(jsonConfig(instance, settings), (key) => ({ value, key, files }))
}

/** Whether one field's schema accepts an encoded value; when not, what is wrong inside it. */
export const checkField = (schema: Schema.Constraint, value: unknown): Result.Result<void, ConfigProblem> => {
  const codec = Schema.make<Schema.Codec<unknown>>(schema.ast)
  const decoded = Schema.decodeUnknownResult(codec, { onExcessProperty: "error" })(value)
  return Result.mapBoth(decoded, {
    onSuccess: () => undefined,
    onFailure: ({ issue }) => problemOf(schema.ast, value, issue)
  })
}

const codecs = new WeakMap<ConfigSchema, ReturnType<typeof makeCodec>>()

// Schemas compile on first use; thousands of instances share a few nodes.
const codecOf = (schema: ConfigSchema) => {
  const known = codecs.get(schema)
  if (known !== undefined) return known
  const made = makeCodec(schema)
  codecs.set(schema, made)
  return made
}

const makeCodec = (schema: ConfigSchema) => ({
  decode: Schema.decodeUnknownResult(schema, { onExcessProperty: "error" }),
  encode: Schema.encodeUnknownResult(schema),
  outsideKey: Object.entries(schema.fields).flatMap(([field, { ast }]) => isOutsideKey(ast) ? [field] : [])
})

const invalid = (instance: NodeInstance, error: Schema.SchemaError): InvalidNodeConfig => {
  const { path, ...problem } = problemOf(instance.node.config.ast, instance.config, error.issue)
  const [field] = path
  return new InvalidNodeConfig({
    file: (field === undefined ? undefined : instance.writtenBy[field]) ?? instance.place(),
    node: instance.name,
    field: path.join("."),
    ...problem
  })
}

const jsonConfig = (
  instance: NodeInstance,
  settings: Readonly<Record<string, unknown>>
): Result.Result<DecodedConfig["key"], InvalidNodeConfig> => {
  try {
    // Through the canonical text, so that what is stored is what was hashed.
    const key: DecodedConfig["key"] = JSON.parse(canonicalJson(settings))
    return Result.succeed(key)
  } catch (error) {
    if (!(error instanceof NotCanonical)) throw error
    const field = error.path.replace(/^\$\./, "")
    const file = instance.writtenBy[field.replace(/[.[].*$/, "")] ?? instance.place()
    const expected = "a value that JSON can say, so that it can be part of the key"
    return Result.fail(new InvalidNodeConfig({ file, node: instance.name, field, expected, found: error.found }))
  }
}
