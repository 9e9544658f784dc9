/** The pipeline under construction: `pipeline` opens it, calls of nodes add to it, `rounds` gives names a prefix. */
import type * as TableType from "../../artifacts/TableType.ts"
import type { Handle } from "./Handle.ts"
import type { Location } from "./Location.ts"
import { renderLocation } from "./Location.ts"
import type { Definition } from "./Node.ts"
import { checkName } from "./NodeName.ts"
import { InvalidDefinition, NodeOutsidePipeline } from "./PipelineError.ts"

/** A call of a node, as written: nothing is checked yet. */
export interface NodeCall {
  readonly name: string
  readonly node: Definition
  readonly config: Readonly<Record<string, unknown>>
  readonly wires: Readonly<Record<string, unknown>>
  readonly location: () => Location | undefined
}

interface Builder {
  readonly calls: Array<NodeCall>
  /** What the calls gave: handles by which they may be wired to each other, and to nothing outside. */
  readonly handles: WeakSet<object>
  readonly prefix: string
}

/** All handles that calls of nodes gave; a handle made by `reference` is none of them. */
const called = new WeakSet<object>()

// Pipelines are defined by plain synchronous calls, so the one being defined is the innermost `pipeline(…)` on the stack.
let current: Builder | undefined

/** Adds a call to the pipeline under construction and gives the handle of its output. */
export const register = (call: NodeCall): Handle<TableType.Any> => {
  if (current === undefined) {
    throw new NodeOutsidePipeline({ place: renderLocation(call.location()), node: call.node.name })
  }
  checkName(call.name, () => renderLocation(call.location()))
  const name = current.prefix + call.name
  current.calls.push({ ...call, name })
  const handle: Handle<TableType.Any> = { _tag: "Handle", instance: name, type: call.node.output }
  current.handles.add(handle)
  called.add(handle)
  return handle
}

/** What a definition called and returned. */
export interface Collected<A> {
  readonly calls: ReadonlyArray<NodeCall>
  readonly returned: A
  /** Whether a handle was given by a call outside this definition. */
  readonly isForeign: (handle: object) => boolean
}

/** Runs `define` and collects the calls of nodes inside it. */
export const collect = <A>(define: () => A): Collected<A> => {
  const builder: Builder = { calls: [], handles: new WeakSet(), prefix: "" }
  const returned = within(builder, define)
  return { returned, calls: builder.calls, isForeign: (handle) => called.has(handle) && !builder.handles.has(handle) }
}

/** Runs `define` with the names of the instances it creates prefixed, e.g. by `round-1/`. */
export const withPrefix = <A>(prefix: string, define: () => A): A =>
  current === undefined ? define() : within({ ...current, prefix: current.prefix + prefix }, define)

/**
 * What a definition returned, unless it is a promise: calls after an `await` would come when the definition is over.
 *
 * @throws InvalidDefinition
 */
export const refusePromise = <A>(returned: A, what: string, place: () => string): A => {
  if (!(returned instanceof Promise)) return returned
  // The error tells; that the promise may fail too is of no interest any more.
  returned.catch(() => undefined)
  throw new InvalidDefinition({ place: place(), what, found: "a promise" })
}

const within = <A>(builder: Builder, define: () => A): A => {
  const outer = current
  current = builder
  try {
    return define()
  } finally {
    current = outer
  }
}
