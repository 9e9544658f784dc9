import * as TableType from "../../artifacts/TableType.ts"
import { nounOf, requireArgument } from "./Argument.ts"
import { collect, type Collected, type NodeCall, refusePromise } from "./Builder.ts"
import { didYouMean } from "./DidYouMean.ts"
import { type Handle, isHandle } from "./Handle.ts"
import { locate, renderLocation } from "./Location.ts"
import type { Definition } from "./Node.ts"
import {
  DuplicateNodeName,
  ForeignHandle,
  InputMismatch,
  InvalidDefinition,
  NotAPipeline,
  UnknownInput
} from "./PipelineError.ts"
import { topologicalOrder } from "./TopologicalOrder.ts"

const PipelineTypeId = "~gemflow/pipeline/Pipeline"

/** A node in a pipeline: which node, with which config (encoded, as written), reading which other instances. */
export interface NodeInstance {
  readonly name: string
  readonly node: Definition
  readonly config: Readonly<Record<string, unknown>>
  /** Per input the instances it is wired to: one, or any number in wiring order where the node declares `Node.many`. */
  readonly inputs: Readonly<Record<string, ReadonlyArray<string>>>
  /** Where the instance was created, e.g. `/project/pipelines/gem.ts:12`. */
  readonly place: () => string
  /** For a field that a `--set` or a variant wrote, what wrote it: `--set entropy-score.lambda=0.5`. */
  readonly writtenBy: Readonly<Record<string, string>>
}

/** A directed acyclic graph of node instances. Pipelines are values: a variant is a new one. */
export interface Pipeline {
  readonly [PipelineTypeId]: typeof PipelineTypeId
  readonly name: string
  /** All instances, each after those it reads. */
  readonly nodes: ReadonlyArray<NodeInstance>
  readonly byName: ReadonlyMap<string, NodeInstance>
  /** The instance whose table is the result of the pipeline. */
  readonly result?: string
}

/**
 * Defines a pipeline: every node called inside `define` becomes an instance of it, also one that nothing reads. What
 * `define` returns is the result, shown at the end of a run.
 *
 * @throws DuplicateNodeName, InputMismatch, UnknownInput, ForeignHandle, PipelineCycle, InvalidDefinition: each names the
 *   line to look at.
 */
export const pipeline = (name: string, define: () => Handle<TableType.Any> | void): Pipeline => {
  const location = locate(pipeline)
  const place = () => renderLocation(location())
  const how = `pipeline("name", () => { … })`
  requireArgument(typeof name === "string" && name !== "", place, how, "its name first", name)
  requireArgument(typeof define === "function", place, how, "the function that defines it second", define)
  const what = `pipeline(${JSON.stringify(name)}, …)`
  const { calls, isForeign, returned } = collect(define)
  const result: unknown = refusePromise(returned, what, place)
  if (result !== undefined && (!isHandle(result) || isForeign(result))) {
    const found = isHandle(result) ? `the output of ${result.instance}, called in another pipeline` : nounOf(result)
    throw new InvalidDefinition({ place: place(), what, found })
  }
  const made = fromInstances(name, calls.map((call) => toInstance(call, isForeign)), result?.instance)
  if (result !== undefined && !made.byName.has(result.instance)) {
    throw new InvalidDefinition({ place: place(), what, found: `${result.instance}, which is not in the pipeline` })
  }
  return made
}

/**
 * The output of the instance called `name`, which may be created before or after: for wiring by name. That the instance
 * exists and makes such a table is checked when the pipeline is complete.
 */
export const reference = <T extends TableType.Any>(name: string, type: T): Handle<T> => ({
  _tag: "Handle",
  instance: name,
  type
})

/**
 * A pipeline of given instances, in any order; checked as a whole, and frozen with its instances: what was checked stays
 * so.
 */
export const fromInstances = (name: string, instances: ReadonlyArray<NodeInstance>, result?: string): Pipeline => {
  const byName = new Map<string, NodeInstance>()
  for (const instance of instances) {
    const previous = byName.get(instance.name)
    if (previous !== undefined) {
      throw new DuplicateNodeName({ place: instance.place(), node: instance.name, previous: previous.place() })
    }
    byName.set(instance.name, instance)
  }
  for (const instance of instances) checkInputs(instance, byName)
  const nodes = topologicalOrder(name, instances, byName)
  return frozen({ [PipelineTypeId]: PipelineTypeId, name, nodes, byName, ...(result === undefined ? {} : { result }) })
}

const frozen = (pipeline: Pipeline): Pipeline => {
  for (const instance of pipeline.nodes) {
    if (Object.isFrozen(instance)) continue
    Object.values(instance.inputs).forEach(Object.freeze)
    Object.freeze(instance.inputs)
    Object.freeze(instance.config)
    Object.freeze(instance)
  }
  Object.freeze(pipeline.nodes)
  return Object.freeze(pipeline)
}

/** The same pipeline under another name. */
export const rename = (pipeline: Pipeline, name: string): Pipeline => Object.freeze({ ...pipeline, name })

/** The same graph with some instances replaced by ones of the same name and wiring. */
export const replaceNodes = (pipeline: Pipeline, changed: ReadonlyMap<string, NodeInstance>): Pipeline => {
  const nodes = pipeline.nodes.map((instance) => changed.get(instance.name) ?? instance)
  return frozen({ ...pipeline, nodes, byName: new Map(nodes.map((instance) => [instance.name, instance])) })
}

export const isPipeline = (value: unknown): value is Pipeline =>
  typeof value === "object" && value !== null && PipelineTypeId in value

const checked = ({ name, nodes, result }: Pipeline): Pipeline => fromInstances(name, nodes, result)

/** The pipeline that a pipeline file exports; of a grid, the merged one. @throws NotAPipeline */
export const exportedPipeline = (file: string, module: { readonly default?: unknown }): Pipeline => {
  const exported = module.default
  // A copy with other nodes in it, say, was never checked.
  if (isPipeline(exported)) return Object.isFrozen(exported) ? exported : checked(exported)
  if (typeof exported === "object" && exported !== null && "pipeline" in exported && isPipeline(exported.pipeline)) {
    return exported.pipeline
  }
  throw new NotAPipeline({ file, found: exported === undefined ? "missing" : nounOf(exported) })
}

/** The instances that an instance reads, each once, in the order of its inputs. */
export const upstreamOf = (instance: NodeInstance): ReadonlyArray<string> => [
  ...new Set(Object.values(instance.inputs).flat())
]

/** The table type of an input, whether it takes one table or many. */
export const inputType = (node: Definition, input: string): TableType.Any | undefined => {
  const declared = node.inputs[input]
  return declared === undefined ? undefined : "_tag" in declared ? declared.type : declared
}

const toInstance = (call: NodeCall, isForeign: Collected<unknown>["isForeign"]): NodeInstance => {
  const place = () => renderLocation(call.location())
  const mismatch = (input: string, expected: string, found: string) =>
    new InputMismatch({ place: place(), node: call.name, input, expected, found, columns: [] })
  const inputs: Record<string, ReadonlyArray<string>> = {}
  for (const [input, declared] of Object.entries(call.node.inputs)) {
    const wired = call.wires[input]
    const many = "_tag" in declared
    const handles: ReadonlyArray<unknown> = many
      ? Array.isArray(wired) ? wired : wired === undefined ? [] : [wired]
      : [wired]
    inputs[input] = handles.map((handle) => {
      if (!isHandle(handle)) throw mismatch(input, expectedTable(call.node, input), nounOf(handle))
      if (!isForeign(handle)) return handle.instance
      throw new ForeignHandle({ place: place(), node: call.name, input, found: handle.instance })
    })
  }
  for (const input of Object.keys(call.wires)) {
    if (!Object.hasOwn(call.node.inputs, input)) {
      const known = Object.keys(call.node.inputs)
      throw mismatch(input, `no such input (it has ${known.length === 0 ? "none" : known.join(", ")})`, "a table")
    }
  }
  return { name: call.name, node: call.node, config: call.config, inputs, place, writtenBy: {} }
}

const checkInputs = (instance: NodeInstance, byName: ReadonlyMap<string, NodeInstance>): void => {
  for (const [input, names] of Object.entries(instance.inputs)) {
    const required = inputType(instance.node, input)
    for (const name of names) {
      const place = instance.place
      const upstream = byName.get(name)
      if (upstream === undefined) {
        const suggestion = didYouMean(name, byName.keys())
        throw new UnknownInput({
          place: place(),
          node: instance.name,
          input,
          found: name,
          ...(suggestion === undefined ? {} : { suggestion })
        })
      }
      if (required === undefined || upstream.node.output === required) continue
      const columns = TableType.missingColumns(upstream.node.output, required)
      if (columns.length > 0) {
        throw new InputMismatch({
          place: place(),
          node: instance.name,
          input,
          expected: expectedTable(instance.node, input),
          found: `the table ${upstream.node.output.name} of ${name}`,
          columns
        })
      }
    }
  }
}

const expectedTable = (node: Definition, input: string): string => {
  const declared = node.inputs[input]
  if (declared === undefined) return "no such input"
  return "_tag" in declared ? `a list of tables ${declared.type.name}` : `a table ${declared.name}`
}
