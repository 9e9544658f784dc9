/** A pipeline as it is drawn: nodes in nested scopes, wires, and what the store knows of each node. */
import { type Pipeline, upstreamOf } from "../../pipeline/Pipeline.ts"
import type { Decision } from "../../pipeline/Plan.ts"

export interface DrawnNode {
  /** A short name without special characters, for formats that want one. */
  readonly id: string
  /** The instance's name within its scope. */
  readonly label: string
  /** The node's own name, where the instance has another. */
  readonly kind: string | undefined
  readonly name: string
  /** Absent where there is no store. */
  readonly status: Decision["status"] | undefined
}

export interface DrawnScope {
  readonly id: string
  /** Empty for the pipeline itself. */
  readonly label: string
  readonly nodes: ReadonlyArray<DrawnNode>
  readonly scopes: ReadonlyArray<DrawnScope>
}

export interface Drawing {
  readonly title: string
  readonly root: DrawnScope
  /** Pairs of node ids, in the direction of the data. */
  readonly wires: ReadonlyArray<readonly [from: string, to: string]>
}

interface OpenScope extends DrawnScope {
  readonly nodes: Array<DrawnNode>
  readonly scopes: Array<OpenScope>
  readonly inside: Map<string, OpenScope>
}

/** The selected nodes of a pipeline. */
export const drawing = (
  pipeline: Pipeline,
  selected: ReadonlySet<string>,
  statuses: ReadonlyMap<string, Decision["status"]>
): Drawing => {
  let scopeCount = 0
  const open = (label: string): OpenScope => ({
    id: `s${scopeCount++}`,
    label,
    nodes: [],
    scopes: [],
    inside: new Map()
  })
  const root = open("")
  const ids = new Map<string, string>()
  const wires: Array<readonly [string, string]> = []
  for (const instance of pipeline.nodes) {
    const { name, node } = instance
    if (!selected.has(name)) continue
    const id = `n${ids.size}`
    ids.set(name, id)
    const path = name.split("/")
    const label = path.pop() ?? name
    const scope = path.reduce((outer, part) => {
      const inner = outer.inside.get(part) ?? open(part)
      if (!outer.inside.has(part)) outer.scopes.push(inner)
      outer.inside.set(part, inner)
      return inner
    }, root)
    scope.nodes.push({ id, label, name, kind: node.name === label ? undefined : node.name, status: statuses.get(name) })
    for (const upstream of upstreamOf(instance)) {
      const from = ids.get(upstream)
      if (from !== undefined) wires.push([from, id])
    }
  }
  return { title: pipeline.name, root, wires }
}
