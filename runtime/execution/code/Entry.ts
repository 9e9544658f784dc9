/** Where the code of a node starts. */
import { CodeNotTraceable } from "../CodeNotTraceable.ts"
import type { SourceFile, Unit } from "./SourceFile.ts"
import { descendants, isFunction } from "./Syntax.ts"
import { syntaxDigest } from "./SyntaxDigest.ts"

export interface Place {
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
}

interface InModule {
  /** The node's own name. */
  readonly node: string
  /** Absolute path of the node's module. */
  readonly path: string
  /** The folder that file names are relative to. */
  readonly root: string
}

/** The export that is the node, or where in its module a node that is not exported was made. */
export type Entry =
  | InModule & { readonly exportName: string; readonly place?: undefined }
  | InModule & { readonly exportName?: undefined; readonly place: Place }

/** The code of a node that is not exported. */
export interface EntryUnit {
  readonly unit: Unit
  /** Digest of the call that made it, which tells it from others that the same declaration makes. */
  readonly call: string
}

/**
 * The top-level declaration in which a node that is not exported was made.
 *
 * @throws CodeNotTraceable when that is inside a function or a loop, where its code can use values that no key knows
 */
export const entryUnit = (source: SourceFile, { node, place }: Entry & { readonly place: Place }): EntryUnit => {
  const offset = offsetOf(source.text, place)
  const unit = source.units.find(({ end, start }) => start <= offset && offset < end)
  const above = unit === undefined
    ? []
    : [...descendants(unit.node)].filter(({ end, start }) => start <= offset && offset < end)
  const around = above.find((each) => isFunction(each) || loops.has(each.type))
  const call = above.findLast(({ type }) => type === "CallExpression")
  if (unit !== undefined && call !== undefined && around === undefined) return { unit, call: syntaxDigest(call) }
  throw madeInside(
    source.path,
    place.line,
    node,
    around !== undefined && loops.has(around.type) ? "a loop" : "a function"
  )
}

export const madeInside = (file: string, line: number, node: string, where: string) =>
  new CodeNotTraceable({
    file,
    line,
    problem: `makes the node "${node}" in ${where}, so what its code uses from there is no part of its key`,
    remedy: "Make it once, at the top level of its module, and pass what varies as config fields."
  })

const loops = new Set(["ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"])

const offsetOf = (text: string, { column, line }: Place): number => {
  let start = 0
  for (let before = 1; before < line; before++) {
    const next = text.indexOf("\n", start)
    if (next < 0) break
    start = next + 1
  }
  return start + column - 1
}
