import * as Result from "effect/Result"
import { homedir } from "node:os"
import { resolve } from "node:path"
import { isFields } from "./Argument.ts"
import { checkField } from "./Config.ts"
import { didYouMean } from "./DidYouMean.ts"
import { type NodeInstance, type Pipeline, replaceNodes } from "./Pipeline.ts"
import { InvalidNodeConfig, MalformedSetting, type UnknownNode } from "./PipelineError.ts"
import { matching } from "./Select.ts"

/** What a setting can fail with. */
export type SettingError = MalformedSetting | UnknownNode | InvalidNodeConfig

/**
 * Applies `--set NODE.FIELD=VALUE` in order, the last one winning; `NODE.FIELD.INNER=VALUE` sets one field of a struct. A value is read as JSON where the field accepts that
 * (`0.5`, `true`, `[1,2]`, `"quoted"`), else as the text itself. A relative input path starts at `directory`, the
 * absolute path of the current directory; `~/` is the home folder, which a shell does not expand after `=`.
 */
export const applySettings = (
  pipeline: Pipeline,
  settings: ReadonlyArray<string>,
  directory: string
): Result.Result<Pipeline, SettingError> => {
  let applied = pipeline
  for (const setting of settings) {
    const next = applySetting(applied, setting, directory)
    if (Result.isFailure(next)) return next
    applied = next.success
  }
  return Result.succeed(applied)
}

/** Sets a field of some instances to an encoded value; `place` says who asked, for errors. */
export const setField = (
  pipeline: Pipeline,
  instances: ReadonlyArray<NodeInstance>,
  field: string,
  place: string,
  valueFor: (instance: NodeInstance) => Result.Result<unknown, InvalidNodeConfig>
): Result.Result<Pipeline, InvalidNodeConfig> => {
  const changed = new Map<string, NodeInstance>()
  for (const instance of instances) {
    if (!Object.hasOwn(instance.node.config.fields, field)) return Result.fail(unknownField(instance, field, place))
    const value = valueFor(instance)
    if (Result.isFailure(value)) return Result.fail(value.failure)
    changed.set(instance.name, {
      ...instance,
      config: { ...instance.config, [field]: value.success },
      writtenBy: { ...instance.writtenBy, [field]: place }
    })
  }
  return Result.succeed(replaceNodes(pipeline, changed))
}

/** The value when the field's schema accepts it. */
export const acceptedValue = (
  instance: NodeInstance,
  field: string,
  place: string,
  value: unknown
): Result.Result<unknown, InvalidNodeConfig> => {
  const schema = instance.node.config.fields[field]
  if (schema === undefined) return Result.fail(unknownField(instance, field, place))
  return Result.mapBoth(checkField(schema, value), {
    onSuccess: () => value,
    onFailure: ({ path, ...problem }) =>
      new InvalidNodeConfig({ file: place, node: instance.name, field: [field, ...path].join("."), ...problem })
  })
}

const applySetting = (
  pipeline: Pipeline,
  setting: string,
  directory: string
): Result.Result<Pipeline, SettingError> => {
  const place = `--set ${setting}`
  const parts = splitSetting(pipeline, setting)
  if (parts === undefined) return Result.fail(new MalformedSetting({ place, expected: "NODE.FIELD=VALUE" }))
  const { field, node } = parts
  const matched = matching(pipeline, node, place)
  if (Result.isFailure(matched)) return Result.fail(matched.failure)
  return setField(
    pipeline,
    matched.success,
    field,
    place,
    (instance) => readValue(instance, parts, place, directory)
  )
}

/** The value of a field as a setting makes it: see `applySettings`. */
export const readValue = (
  instance: NodeInstance,
  setting: Omit<Setting, "node">,
  place: string,
  directory: string
): Result.Result<unknown, InvalidNodeConfig> =>
  Result.map(
    parseValue(instance, setting, place),
    (value) =>
      typeof value === "string" && Object.hasOwn(instance.node.files, setting.field)
        ? absolutePath(directory, value)
        : value
  )

/** A setting in its parts. */
export interface Setting {
  readonly node: string
  readonly field: string
  /** Where inside the field: `rank` in `update.adapter.rank=8`. */
  readonly inner: ReadonlyArray<string>
  readonly text: string
}

/**
 * NODE.FIELD=VALUE, cut. Names of a grid's nodes hold the characters that cut (`lambda=0.5/rank.model=plackett-luce`), so
 * the scopes that the pipeline has are recognised first; and a value may hold anything.
 */
export const splitSetting = (
  pipeline: Pipeline,
  setting: string
): Setting | undefined => {
  const scope = scopeOf(pipeline, setting)
  const [, name, path, text] = /^([^.=]+)\.([^=]+)=(.*)$/s.exec(setting.slice(scope.length)) ?? []
  if (name === undefined || path === undefined || text === undefined) return undefined
  const [field = "", ...inner] = path.split(".")
  return [field, ...inner].includes("") ? undefined : { node: scope + name, field, inner, text }
}

/** The longest `scope/` of an instance of the pipeline with which a setting begins; empty when none does. */
const scopeOf = (pipeline: Pipeline, setting: string): string => {
  let longest = ""
  if (!setting.includes("/")) return longest
  for (const { name } of pipeline.nodes) {
    const scope = name.slice(0, name.lastIndexOf("/") + 1)
    if (scope.length > longest.length && setting.startsWith(scope)) longest = scope
  }
  return longest
}

/** A path as it would be typed in a shell that is in `directory`: `~` is the home folder there. */
const absolutePath = (directory: string, path: string): string =>
  path === "~" || path.startsWith("~/") ? resolve(homedir(), path.slice(2)) : resolve(directory, path)

const parseValue = (instance: NodeInstance, { field, inner, text }: Omit<Setting, "node">, place: string) => {
  const accept = (value: unknown) =>
    acceptedValue(instance, field, place, replaceInside(instance.config[field], inner, value))
  const json = parseJson(text)
  if (json === undefined) return accept(text)
  const accepted = accept(json.value)
  return Result.isSuccess(accepted) ? accepted : Result.mapError(accept(text), () => accepted.failure)
}

/** The value with another one at a place inside; what is not there on the way is made. */
const replaceInside = (value: unknown, path: ReadonlyArray<string>, replacement: unknown): unknown => {
  const [key, ...inner] = path
  if (key === undefined) return replacement
  const fields = isFields(value) ? value : {}
  return { ...fields, [key]: replaceInside(Reflect.get(fields, key), inner, replacement) }
}

const parseJson = (text: string): { readonly value: unknown } | undefined => {
  try {
    return { value: JSON.parse(text) }
  } catch {
    // Not JSON: the text itself is the value.
    return undefined
  }
}

const unknownField = (instance: NodeInstance, field: string, place: string): InvalidNodeConfig => {
  const known = Object.keys(instance.node.config.fields)
  const suggestion = didYouMean(field, known)
  return new InvalidNodeConfig({
    file: place,
    node: instance.name,
    field,
    expected: known.length === 0 ? "no fields" : `one of the fields ${known.join(", ")}`,
    found: `the field ${field}`,
    ...(suggestion === undefined ? {} : { suggestion })
  })
}
