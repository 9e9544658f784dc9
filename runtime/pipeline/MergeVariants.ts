import * as Result from "effect/Result"
import { canonicalJson } from "../../artifacts/CanonicalJson.ts"
import type { Axis } from "./Axis.ts"
import { decodeConfig } from "./Config.ts"
import type { Definition } from "./Node.ts"
import { isOutsideKey } from "./OutsideKey.ts"
import { fromInstances, type NodeInstance, type Pipeline } from "./Pipeline.ts"

/** Variants of one pipeline in one pipeline. */
export interface Merged {
  readonly pipeline: Pipeline
  /** Per variant: the names of its instances, and those that they have in the merged pipeline. */
  readonly names: ReadonlyArray<ReadonlyMap<string, string>>
}

/**
 * Merges the variants that a grid makes of `base`, given in the order of its points (the last axis changing fastest). Instances of one name
 * are merged where they are equal: the same node, config (with defaults filled in) and, in turn, inputs.
 *
 * A merged instance is called by its name in the variants, after the levels of those axes alone on which any instance of
 * that name depends; of several points that share it, the first one's. Two different instances of one name differ in such a
 * level, since a path from one point to another that leaves these axes alone never leaves the instance. So names are
 * unique, and a further level renames nothing.
 */
export const mergeVariants = (
  name: string,
  base: Pipeline,
  axes: ReadonlyArray<Axis>,
  variants: ReadonlyArray<Pipeline>
): Merged => {
  const classes = variants.map(classifier())
  const names = variants.map(() => new Map<string, string>())
  const instances: Array<NodeInstance> = []
  // Changes add no names and make nothing read what comes after it in the base, so its order suits every variant.
  for (const { name: own } of base.nodes) {
    const members = classes.map((ofVariant) => ofVariant.get(own))
    const label = labelling(axes, members)
    const called = new Map<number, string>()
    for (const [point, member] of members.entries()) {
      const instance = variants[point]?.byName.get(own)
      if (member === undefined || instance === undefined) continue
      const known = called.get(member)
      const merged = known ?? label(point) + own
      names[point]?.set(own, merged)
      if (known !== undefined) continue
      called.set(member, merged)
      const rename = (upstream: string) => names[point]?.get(upstream) ?? upstream
      const inputs = Object.entries(instance.inputs).map(([input, sources]) => [input, sources.map(rename)])
      instances.push({ ...instance, name: merged, inputs: Object.fromEntries(inputs) })
    }
  }
  return { pipeline: fromInstances(name, instances), names }
}

/** For a variant: per instance, a number that equal instances of all variants share. */
const classifier = () => {
  const numbers = new Map<string, number>()
  const nodes = new Map<Definition, number>()
  const configs = new Map<NodeInstance, string>()
  const numberOf = <A>(known: Map<A, number>, key: A): number => {
    const number = known.get(key) ?? known.size
    known.set(key, number)
    return number
  }
  const configOf = (instance: NodeInstance): string => {
    const config = configs.get(instance) ?? configIdentity(instance)
    configs.set(instance, config)
    return config
  }
  return ({ nodes: instances }: Pipeline): ReadonlyMap<string, number> => {
    const classes = new Map<string, number>()
    for (const instance of instances) {
      const inputs = Object.entries(instance.inputs).map(([input, sources]) => [
        input,
        sources.map((source) => classes.get(source))
      ])
      const identity = JSON.stringify([instance.name, numberOf(nodes, instance.node), configOf(instance), inputs])
      classes.set(instance.name, numberOf(numbers, identity))
    }
    return classes
  }
}

/** What a config says, defaults filled in. One that does not decode is equal to those that are written alike. */
const configIdentity = (instance: NodeInstance): string => {
  const decoded = Result.getOrUndefined(decodeConfig(instance, "/"))
  if (decoded === undefined) return `written ${JSON.stringify(instance.config)}`
  const outside = Object.entries(instance.config).filter(([field]) => {
    const schema = instance.node.config.fields[field]
    return schema !== undefined && isOutsideKey(schema.ast)
  })
  const files = decoded.files.map(({ field, path }) => [field, path])
  return canonicalJson({ key: decoded.key, files, outside: Object.fromEntries(outside) })
}

/** What stands before a name at a point: the levels of the axes on which its instances depend. */
const labelling = (axes: ReadonlyArray<Axis>, members: ReadonlyArray<number | undefined>) => {
  if (members.every((member) => member === members[0])) return () => ""
  // Points count like the digits of a number: an axis repeats its levels every `stride` points.
  let stride = members.length
  const digits = axes.map(({ levels, name }) => {
    stride /= levels.length
    const width = stride
    const digitAt = (point: number) => Math.floor(point / width) % levels.length
    return { width, digitAt, text: (point: number) => `${name}=${levels[digitAt(point)]?.label}` }
  })
  const deciding = digits.filter(({ digitAt, width }) =>
    members.some((member, point) => member !== members[point - digitAt(point) * width])
  )
  return (point: number): string => `${deciding.map(({ text }) => text(point)).join(",")}/`
}
