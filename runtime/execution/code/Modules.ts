/** The modules of a project as far as one node's code has led into them, and what of each is reached. */
import { dirname, extname, relative, resolve, sep } from "node:path"
import { CodeNotTraceable } from "../CodeNotTraceable.ts"
import { fileStamp } from "../FileStamp.ts"
import { settledAt } from "../Stamp.ts"
import { type Resolved, resolveImport } from "./ResolveImport.ts"
import { readSource, type SourceFile, type Unit } from "./SourceFile.ts"

export interface Module {
  readonly source: SourceFile
  /** Its path from the root, with forward slashes. */
  readonly label: string
  readonly byName: ReadonlyMap<string, Unit>
  /** The declarations that are reached, with what they use. */
  readonly reached: Map<Unit, Links>
}

/** A declaration of the project. */
export interface Target {
  readonly module: Module
  readonly unit: Unit
}

export interface Links {
  /** What the imported names that a declaration uses stand for. */
  readonly labels: Set<string>
  /** By name, the project's declarations that it uses. */
  readonly targets: Map<string, Target>
}

export interface Modules {
  readonly all: ReadonlyMap<string, Module>
  readonly at: (path: string) => Module
  readonly labelOf: (path: string) => string
  /** Where an import of a module leads. @throws CodeNotTraceable when that is nowhere. */
  readonly resolve: (module: Module, specifier: string, start: number) => Found
}

export type Found = Exclude<Resolved, { readonly kind: "unknown" }>

export const makeModules = (root: string): Modules => {
  const all = new Map<string, Module>()
  const resolutions = new Map<string, Resolved>()
  const labelOf = (path: string) => relative(root, path).split(sep).join("/")
  return {
    all,
    labelOf,
    at: (path) => {
      const known = all.get(path)
      if (known !== undefined) return known
      const source = parsed(path)
      const byName = new Map(source.units.flatMap((unit) => unit.declares.map((name) => [name, unit] as const)))
      const made: Module = { source, label: labelOf(path), byName, reached: new Map() }
      all.set(path, made)
      return made
    },
    resolve: (module, specifier, start) => {
      const importer = module.source.path
      // What is no relative path means the same in a whole folder.
      const name = `${specifier.startsWith(".") ? importer : dirname(importer)} ${specifier}`
      const found = resolutions.get(name) ?? resolveImport(specifier, importer)
      resolutions.set(name, found)
      if (found.kind === "unknown") throw notTraceable(module, start, found)
      return found
    }
  }
}

/** What a declaration that is reached uses. */
export const linksOf = ({ module, unit }: Target): Links => {
  const links = module.reached.get(unit)
  if (links === undefined) throw new Error(`${unit.name} in ${module.label} was followed before it was reached`)
  return links
}

export const isCode = (path: string) => /^\.[cm]?[jt]s$/.test(extname(path))

export const notTraceable = (
  { source }: Module,
  start: number,
  { problem, remedy }: { readonly problem: string; readonly remedy: string }
) => new CodeNotTraceable({ file: source.path, line: source.lineAt(start), problem, remedy })

/** Nodes share most of their files. What is not in use may be forgotten, since syntax trees are large. */
const known = new Map<string, { readonly stamp: string; readonly source: WeakRef<SourceFile> }>()

const parsed = (path: string): SourceFile => {
  const startedAt = Date.now()
  const stamp = fileStamp(path)
  const before = known.get(path)
  const remembered = before?.stamp === stamp ? before.source.deref() : undefined
  if (remembered !== undefined) return remembered
  try {
    const source = readSource(path)
    if (settledAt(stamp, startedAt)) known.set(path, { stamp, source: new WeakRef(source) })
    return source
  } catch (error) {
    throw new CodeNotTraceable({
      file: resolve(path),
      problem: `cannot be followed (${error instanceof Error ? error.message.split("\n")[0] : String(error)})`,
      remedy: "Correct it."
    })
  }
}
