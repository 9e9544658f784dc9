import * as Result from "effect/Result"
import * as TableType from "../../artifacts/TableType.ts"
import { locate, renderLocation } from "./Location.ts"
import type { Any } from "./Node.ts"
import { fromInstances, type NodeInstance, type Pipeline } from "./Pipeline.ts"
import { CannotDrop, InputMismatch, MalformedSetting } from "./PipelineError.ts"
import { matching } from "./Select.ts"
import { acceptedValue, setField } from "./Settings.ts"

/** A node to swap in, with its own config; a bare node keeps the fields that both nodes have. */
export type Replacement = Any | { readonly node: Any; readonly config: Readonly<Record<string, unknown>> }

/** How a variant differs from its pipeline. Nodes are named as in `--set`: `sample` means that node in every round. */
export interface Changes {
  /** The name of the new pipeline. */
  readonly name: string
  /** Takes nodes out; what reads them reads the one input of theirs that has the same columns. */
  readonly drop?: ReadonlyArray<string>
  /** Puts another node with the same contract in a node's place, under the same instance name and wiring. */
  readonly swap?: Readonly<Record<string, Replacement>>
  /** Config fields, `NODE.FIELD`, and their values as the node's config is written. */
  readonly set?: Readonly<Record<string, unknown>>
}

/**
 * Another pipeline that differs in the given ways: first `drop`, then `swap`, then `set`. Nodes that are not touched and
 * read nothing that is keep their keys, so what the two pipelines share runs once.
 *
 * @throws UnknownNode, MalformedSetting, InvalidNodeConfig, CannotDrop, InputMismatch
 */
export const variant = (base: Pipeline, changes: Changes): Pipeline => {
  const location = locate(variant)
  const place = () => `${renderLocation(location())}: variant ${changes.name}`
  const dropped = drop(base, changes.drop ?? [], place)
  const swapped = swap(dropped, changes.swap ?? {}, place)
  return { ...set(swapped, changes.set ?? {}, place), name: changes.name }
}

const orThrow = <A, E extends Error>(result: Result.Result<A, E>): A => {
  if (Result.isFailure(result)) throw result.failure
  return result.success
}

const set = (pipeline: Pipeline, fields: Readonly<Record<string, unknown>>, place: () => string): Pipeline => {
  let changed = pipeline
  for (const [target, value] of Object.entries(fields)) {
    const [, node, field] = /^([^.=]+)\.([^.=]+)$/.exec(target) ?? []
    if (node === undefined || field === undefined) {
      throw new MalformedSetting({ place: `${place()}, set "${target}"`, expected: "NODE.FIELD" })
    }
    const where = `${place()}, set ${target}`
    changed = orThrow(
      setField(changed, node, field, where, (instance) => acceptedValue(instance, field, where, value))
    )
  }
  return changed
}

const swap = (pipeline: Pipeline, swaps: Readonly<Record<string, Replacement>>, place: () => string): Pipeline => {
  const replaced = new Map<string, NodeInstance>()
  for (const [name, replacement] of Object.entries(swaps)) {
    for (const instance of orThrow(matching(pipeline, name, `${place()}, swap ${name}`))) {
      replaced.set(instance.name, replace(instance, replacement, place))
    }
  }
  if (replaced.size === 0) return pipeline
  const nodes = pipeline.nodes.map((instance) => replaced.get(instance.name) ?? instance)
  return fromInstances(pipeline.name, nodes, pipeline.result)
}

const replace = (instance: NodeInstance, replacement: Replacement, place: () => string): NodeInstance => {
  const node = "definition" in replacement ? replacement.definition : replacement.node.definition
  const shared = Object.entries(instance.config).filter(([field]) => Object.hasOwn(node.config.fields, field))
  const config = "definition" in replacement ? Object.fromEntries(shared) : replacement.config
  const inputs: Record<string, ReadonlyArray<string>> = {}
  for (const [input, declared] of Object.entries(node.inputs)) {
    const wired = instance.inputs[input]
    if (wired === undefined || (!("_tag" in declared) && wired.length !== 1)) {
      const expected = `a table ${"_tag" in declared ? declared.type.name : declared.name}`
      const found = wired === undefined ? `nothing (${instance.node.name} has no such input)` : `${wired.length} tables`
      throw new InputMismatch({ place: place(), node: instance.name, input, expected, found, columns: [] })
    }
    inputs[input] = wired
  }
  return { name: instance.name, node, config, inputs, place, writtenBy: {} }
}

const drop = (pipeline: Pipeline, names: ReadonlyArray<string>, place: () => string): Pipeline => {
  if (names.length === 0) return pipeline
  const unwanted = new Set(
    names.flatMap((name) =>
      orThrow(matching(pipeline, name, `${place()}, drop ${name}`)).map((instance) => instance.name)
    )
  )
  /** What stands in for a dropped instance. */
  const standIns = new Map<string, string>()
  const standIn = (name: string) => standIns.get(name) ?? name
  const kept: Array<NodeInstance> = []
  // In topological order, so that the stand-in of an upstream that is dropped too is already known.
  for (const instance of pipeline.nodes) {
    const inputs = Object.fromEntries(
      Object.entries(instance.inputs).map(([input, wired]) => [input, wired.map(standIn)])
    )
    if (!unwanted.has(instance.name)) {
      kept.push({ ...instance, inputs })
      continue
    }
    const candidates = Object.entries(inputs).flatMap(([input, wired]) => {
      const [only, ...more] = wired
      const upstream = only === undefined || more.length > 0 ? undefined : pipeline.byName.get(only)
      if (upstream === undefined) return []
      return TableType.missingColumns(upstream.node.output, instance.node.output).length === 0
        ? [{ input, upstream: upstream.name }]
        : []
    })
    const [candidate, ...others] = candidates
    if (candidate === undefined || others.some(({ upstream }) => upstream !== candidate.upstream)) {
      throw new CannotDrop({
        place: place(),
        node: instance.name,
        output: instance.node.output.name,
        inputs: candidates.map(({ input }) => input)
      })
    }
    standIns.set(instance.name, candidate.upstream)
  }
  const result = pipeline.result === undefined ? undefined : standIn(pipeline.result)
  return fromInstances(pipeline.name, kept, result)
}
