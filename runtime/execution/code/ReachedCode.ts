/**
 * What code a node runs, as digests of its declarations. Loads a parser, so this module is imported only when a fingerprint
 * is not known yet.
 */
import { digestJson } from "../../../artifacts/CanonicalJson.ts"
import type { CodeFingerprint } from "../../pipeline/Key.ts"
import type { Entry } from "./Entry.ts"
import type { Module } from "./Modules.ts"
import { reach } from "./Reach.ts"
import { refuseUnknowns } from "./Refusals.ts"

export interface ReachedCode {
  /** Digest of all of it. */
  readonly digest: string
  /** Per file, by its path from the root. */
  readonly parts: CodeFingerprint["code"]["parts"]
  /** Version of each package that the code imports; "absent" for one that it can do without. */
  readonly packages: CodeFingerprint["packages"]
  /** Every file that was looked at: while all are as they were, so is the code. */
  readonly files: ReadonlyArray<string>
}

/** @throws CodeNotTraceable when some code cannot be followed, or uses what no key knows. */
export const reachedCode = (entry: Entry): ReachedCode => {
  const { data, files, loadOrder, modules, packages, programs, within } = reach(entry)
  refuseUnknowns(modules, programs)

  const reached = [...modules.all.values()].filter(({ reached }) => reached.size > 0)
    .map((module) => [module.label, unitsOf(module)] as const)
    .toSorted(byName)
  const declarations = reached.map(([label, units]) =>
    [label, Object.fromEntries(units.map(([unit, digest]) => [unit, short(digest)]))] as const
  )
  const contents = [...data].map(([label, digest]) => [label, short(digest)] as const)
  return {
    digest: digestJson({ within, reached, data: Object.fromEntries(data), loadOrder }),
    parts: Object.fromEntries([...declarations, ...contents].toSorted(byName)),
    // One that is there in two versions has both.
    packages: Object.fromEntries(
      [...packages].map(([name, versions]) => [name, [...versions].toSorted().join(", ")] as const).toSorted(byName)
    ),
    files: [...files].toSorted()
  }
}

/** What is reached of a module, in the order of its text: what it does, and what the names in it stand for. */
const unitsOf = ({ reached, source }: Module) =>
  source.units.flatMap((unit) => {
    const links = reached.get(unit)
    return links === undefined ? [] : [[unit.name, digestJson([unit.digest(), [...links.labels].toSorted()])] as const]
  })

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => a < b ? -1 : 1

/** Parts only tell what differs, so they need not be proof against an adversary. */
const short = (digest: string) => digest.slice(0, 16)
