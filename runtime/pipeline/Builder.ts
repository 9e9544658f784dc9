/** The pipeline under construction: `pipeline` opens it, calls of nodes add to it, `rounds` gives names a prefix. */
import type * as TableType from "../../artifacts/TableType.ts"
import type { Handle } from "./Handle.ts"
import type { Location } from "./Location.ts"
import { renderLocation } from "./Location.ts"
import type { Definition } from "./Node.ts"
import { checkName } from "./NodeName.ts"
import { NodeOutsidePipeline } from "./PipelineError.ts"

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
  readonly prefix: string
}

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
  return { _tag: "Handle", instance: name, type: call.node.output }
}

/** Runs `define` and collects the calls of nodes inside it. */
export const collect = <A>(define: () => A): { readonly calls: ReadonlyArray<NodeCall>; readonly returned: A } => {
  const builder: Builder = { calls: [], prefix: "" }
  return { returned: within(builder, define), calls: builder.calls }
}

/** Runs `define` with the names of the instances it creates prefixed, e.g. by `round-1/`. */
export const withPrefix = <A>(prefix: string, define: () => A): A =>
  current === undefined ? define() : within({ ...current, prefix: current.prefix + prefix }, define)

const within = <A>(builder: Builder, define: () => A): A => {
  const outer = current
  current = builder
  try {
    return define()
  } finally {
    current = outer
  }
}
