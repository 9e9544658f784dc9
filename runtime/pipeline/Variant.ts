import * as Result from "effect/Result"
import * as TableType from "../../artifacts/TableType.ts"
import { requireArgument } from "./Argument.ts"
import { type Change, isChange, type Target } from "./Change.ts"
import { decodeConfig } from "./Config.ts"
import { locate, renderLocation } from "./Location.ts"
import { fromInstances, isPipeline, type NodeInstance, type Pipeline, rename } from "./Pipeline.ts"
import { CannotDrop, InputMismatch, NodeNotUsed, NothingToReseed } from "./PipelineError.ts"
import { matching } from "./Select.ts"
import { acceptedValue, setField } from "./Settings.ts"

/**
 * Another pipeline, with the changes applied in the order in which they are written. Nodes that are not touched and read
 * nothing that is keep their keys, so what the two pipelines share runs once.
 *
 * @throws UnknownNode, NodeNotUsed, InvalidNodeConfig, CannotDrop, InputMismatch, NothingToReseed
 */
export const variant = (base: Pipeline, name: string, ...changes: ReadonlyArray<Change>): Pipeline => {
  const location = locate(variant)
  const place = () => renderLocation(location())
  const how = `variant(base, "name", change, …)`
  requireArgument(isPipeline(base), place, how, "a pipeline first", base)
  requireArgument(typeof name === "string" && name !== "", place, how, "the name of the variant second", name)
  for (const change of changes) {
    requireArgument(isChange(change), place, how, "what set, swap, drop and their kin give from there on", change)
  }
  return applyChanges(base, name, changes, () => `${place()}: variant ${name}`)
}

/** As `variant`; `place` says who asked, for errors. */
export const applyChanges = (
  base: Pipeline,
  name: string,
  changes: ReadonlyArray<Change>,
  place: () => string
): Pipeline => rename(changes.reduce((pipeline, change) => apply(pipeline, change, place), base), name)

const apply = (pipeline: Pipeline, change: Change, place: () => string): Pipeline => {
  switch (change._tag) {
    case "Set":
      return set(pipeline, change, place)
    case "Swap":
      return swap(pipeline, change, place)
    case "Drop":
      return drop(pipeline, change, place)
    case "Reseed":
      return reseed(pipeline, change, place)
  }
}

const orThrow = <A, E extends Error>(result: Result.Result<A, E>): A => {
  if (Result.isFailure(result)) throw result.failure
  return result.success
}

/** What a target is called in errors. */
const nameOf = (target: Target): string => typeof target === "string" ? target : target.definition.name

const instancesOf = (pipeline: Pipeline, target: Target, place: string): ReadonlyArray<NodeInstance> => {
  if (typeof target === "string") return orThrow(matching(pipeline, target, place))
  const instances = pipeline.nodes.filter(({ node }) => node === target.definition)
  if (instances.length > 0) return instances
  throw new NodeNotUsed({ place, node: nameOf(target), pipeline: pipeline.name })
}

type Of<Tag extends Change["_tag"]> = Extract<Change, { readonly _tag: Tag }>

const set = (pipeline: Pipeline, { fields, target }: Of<"Set">, place: () => string): Pipeline => {
  let changed = pipeline
  for (const [field, value] of Object.entries(fields)) {
    // A field that is left undefined is one that is not set, as in a call of the node.
    if (value === undefined) continue
    const where = `${place()}, set ${nameOf(target)}.${field}`
    const instances = instancesOf(changed, target, where)
    changed = orThrow(
      setField(changed, instances, field, where, (instance) => acceptedValue(instance, field, where, value))
    )
  }
  return changed
}

const swap = (pipeline: Pipeline, { config, node, target }: Of<"Swap">, place: () => string): Pipeline => {
  const replaced = new Map<string, NodeInstance>()
  for (const instance of instancesOf(pipeline, target, `${place()}, swap ${nameOf(target)}`)) {
    const shared = Object.entries(instance.config).filter(([field]) => Object.hasOwn(node.config.fields, field))
    const inputs: Record<string, ReadonlyArray<string>> = {}
    for (const [input, declared] of Object.entries(node.inputs)) {
      const wired = instance.inputs[input] ?? ("_tag" in declared ? [] : undefined)
      if (wired === undefined || (!("_tag" in declared) && wired.length !== 1)) {
        const expected = `a table ${"_tag" in declared ? declared.type.name : declared.name}`
        const found = wired === undefined
          ? `nothing (${instance.node.name} has no such input)`
          : `${wired.length} tables`
        throw new InputMismatch({ place: place(), node: instance.name, input, expected, found, columns: [] })
      }
      inputs[input] = wired
    }
    replaced.set(instance.name, {
      name: instance.name,
      node,
      config: config ?? Object.fromEntries(shared),
      inputs,
      place,
      writtenBy: {}
    })
  }
  const nodes = pipeline.nodes.map((instance) => replaced.get(instance.name) ?? instance)
  return fromInstances(pipeline.name, nodes, pipeline.result)
}

const drop = (pipeline: Pipeline, { target }: Of<"Drop">, place: () => string): Pipeline => {
  const unwanted = new Set(instancesOf(pipeline, target, `${place()}, drop ${nameOf(target)}`))
  /** What stands in for a dropped instance. */
  const standIns = new Map<string, string>()
  const standIn = (name: string) => standIns.get(name) ?? name
  const kept: Array<NodeInstance> = []
  // In topological order, so that the stand-in of an upstream that is dropped too is already known.
  for (const instance of pipeline.nodes) {
    const inputs = Object.fromEntries(
      Object.entries(instance.inputs).map(([input, wired]) => [input, wired.map(standIn)])
    )
    if (unwanted.has(instance)) standIns.set(instance.name, standInFor(pipeline, instance, inputs, place))
    else kept.push({ ...instance, inputs })
  }
  const result = pipeline.result === undefined ? undefined : standIn(pipeline.result)
  return fromInstances(pipeline.name, kept, result)
}

/** The one instance it reads that has all columns of its output. */
const standInFor = (
  pipeline: Pipeline,
  instance: NodeInstance,
  inputs: NodeInstance["inputs"],
  place: () => string
): string => {
  const candidates = Object.entries(inputs).flatMap(([input, wired]) => {
    const [only, ...more] = wired
    const upstream = only === undefined || more.length > 0 ? undefined : pipeline.byName.get(only)
    if (upstream === undefined) return []
    return TableType.missingColumns(upstream.node.output, instance.node.output).length === 0
      ? [{ input, upstream: upstream.name }]
      : []
  })
  const [candidate, ...others] = candidates
  if (candidate !== undefined && others.every(({ upstream }) => upstream === candidate.upstream)) {
    return candidate.upstream
  }
  throw new CannotDrop({
    place: place(),
    node: instance.name,
    output: instance.node.output.name,
    inputs: candidates.map(({ input }) => input)
  })
}

const reseed = (pipeline: Pipeline, { add, targets }: Of<"Reseed">, place: () => string): Pipeline => {
  const where = `${place()}, seeds`
  const meant = targets.length > 0
    ? new Set(targets.flatMap((target) => instancesOf(pipeline, target, where)))
    : new Set(pipeline.nodes.filter(({ node }) => node.determinism !== "exact"))
  const seeded = pipeline.nodes.filter((instance) =>
    meant.has(instance) && Object.hasOwn(instance.node.config.fields, "seed")
  )
  if (seeded.length === 0) {
    throw new NothingToReseed({ place: where, pipeline: pipeline.name, nodes: targets.map(nameOf) })
  }
  if (add === 0) return pipeline
  const seedFor = (instance: NodeInstance) => acceptedValue(instance, "seed", where, (seedOf(instance) + add) % 2 ** 32)
  return orThrow(setField(pipeline, seeded, "seed", where, seedFor))
}

/** The seed that an instance has, its default when none is written; 0 where it will not decode, which planning tells. */
const seedOf = (instance: NodeInstance): number => {
  const decoded = Result.getOrUndefined(decodeConfig(instance, "/"))
  const seed = typeof decoded?.value === "object" && decoded.value !== null && "seed" in decoded.value
    ? decoded.value.seed
    : undefined
  return typeof seed === "number" ? seed : 0
}
