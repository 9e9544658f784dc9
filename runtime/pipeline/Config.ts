import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { resolve } from "node:path"
import { canonicalJson, type Json, NotCanonical } from "../../artifacts/CanonicalJson.ts"
import { didYouMean } from "./DidYouMean.ts"
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

/** Whether one field's schema accepts an encoded value; when not, what it expects. */
export const checkField = (schema: Schema.Constraint, value: unknown): Result.Result<void, string> => {
  const decoded = Schema.decodeUnknownResult(Schema.make<Schema.Codec<unknown>>(schema.ast))(value)
  return Result.isSuccess(decoded) ? Result.succeed(undefined) : Result.fail(expectation(decoded.failure.issue))
}

/** A value as an error shows it: JSON, shortened. */
export const show = (value: unknown): string => {
  if (value === undefined) return "nothing"
  const text = typeof value === "number" ? String(value) : JSON.stringify(value) ?? String(value)
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`
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

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const firstIssue = (issue: SchemaIssue.Issue) => {
  const [first = { path: [], message: "Expected a valid value" }] = format(issue).issues
  const path = (first.path ?? []).map((part) => typeof part === "object" ? part.key : part)
  return { path, message: first.message }
}

const expectation = (issue: SchemaIssue.Issue): string => firstIssue(issue).message.replace(/^Expected /, "")

const invalid = (instance: NodeInstance, error: Schema.SchemaError): InvalidNodeConfig => {
  const { message, path } = firstIssue(error.issue)
  const [field, ...inner] = path.map(String)
  const schema = field === undefined ? undefined : instance.node.config.fields[field]
  const known = Object.keys(instance.node.config.fields)
  const details = field !== undefined && schema === undefined
    ? {
      expected: known.length === 0 ? "no fields" : `one of the fields ${known.join(", ")}`,
      found: `the field ${field}`
    }
    : message === "Missing key" && schema !== undefined && inner.length === 0
    ? { expected: expectedBy(schema), found: "nothing" }
    : {
      expected: message === "Missing key" ? "a value" : message.replace(/^Expected /, ""),
      found: show(path.reduce<unknown>((value, part) => property(value, part), instance.config))
    }
  const suggestion = field !== undefined && schema === undefined ? didYouMean(field, known) : undefined
  return new InvalidNodeConfig({
    file: (field === undefined ? undefined : instance.writtenBy[field]) ?? instance.place(),
    node: instance.name,
    field: [field ?? "", ...inner].join("."),
    ...details,
    ...(suggestion === undefined ? {} : { suggestion })
  })
}

const expectedBy = (schema: Schema.Constraint): string => {
  const checked = checkField(schema, undefined)
  return Result.isFailure(checked) ? checked.failure : "a value"
}

const property = (value: unknown, key: PropertyKey): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined

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
