import type { NodeInstance } from "./Pipeline.ts"
import { PipelineCycle } from "./PipelineError.ts"

/**
 * The instances, each after those it reads, otherwise in the order given. A depth-first walk with its own stack (a chain
 * of 10,000 nodes is no recursion), linear in nodes and wires.
 *
 * @throws PipelineCycle with the path of the cycle.
 */
export const topologicalOrder = (
  pipeline: string,
  instances: ReadonlyArray<NodeInstance>,
  byName: ReadonlyMap<string, NodeInstance>
): ReadonlyArray<NodeInstance> => {
  const ordered: Array<NodeInstance> = []
  const done = new Set<string>()
  const open = new Set<string>()
  for (const root of instances) {
    if (done.has(root.name)) continue
    const stack: Array<Visit> = [visit(root)]
    open.add(root.name)
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const name = top.reads[top.next++]
      if (name === undefined) {
        stack.pop()
        open.delete(top.instance.name)
        done.add(top.instance.name)
        ordered.push(top.instance)
        continue
      }
      if (done.has(name)) continue
      if (open.has(name)) throw new PipelineCycle({ pipeline, path: cyclePath(stack, name) })
      const upstream = byName.get(name)
      if (upstream === undefined) continue
      open.add(name)
      stack.push(visit(upstream))
    }
  }
  return ordered
}

/** An instance on the stack, with the instances it reads and how many of them have been walked. */
interface Visit {
  readonly instance: NodeInstance
  readonly reads: ReadonlyArray<string>
  next: number
}

const visit = (instance: NodeInstance): Visit => ({ instance, reads: Object.values(instance.inputs).flat(), next: 0 })

// The stack goes from reader to read; the path is told the way data flows.
const cyclePath = (stack: ReadonlyArray<Visit>, name: string): ReadonlyArray<string> => {
  const names = stack.map((visit) => visit.instance.name)
  const cycle = names.slice(names.indexOf(name))
  return [name, ...cycle.toReversed()]
}
