/**
 * Follows the names that code uses from declaration to declaration. A top-level declaration that nothing reached refers to
 * is left out; a statement that may have an effect when its module is loaded is not.
 */
import { existsSync, statSync } from "node:fs"
import { dirname, join, sep } from "node:path"
import { contentDigest } from "./DataFile.ts"
import { type Entry, entryUnit } from "./Entry.ts"
import { isCode, linksOf, makeModules, type Module, type Modules, notTraceable, type Target } from "./Modules.ts"
import type { Reference } from "./References.ts"
import type { DynamicImport } from "./Requests.ts"
import type { Imported, SourceFile, Unit } from "./SourceFile.ts"

export interface Reached {
  /** What tells the node from others of the same declaration; "" when it is all of it. */
  readonly within: string
  readonly modules: Modules
  /** Modules with effects, in the order in which they are loaded. */
  readonly loadOrder: ReadonlyArray<string>
  /** Paths of modules that run in a worker or process of their own. */
  readonly programs: ReadonlySet<string>
  /** Digests of files that are no code. */
  readonly data: ReadonlyMap<string, string>
  readonly packages: ReadonlyMap<string, ReadonlySet<string>>
  /** Every file that was looked at. */
  readonly files: ReadonlySet<string>
}

/** What an import stands for. */
interface Meaning {
  /** A name of it that is the same wherever it is imported. */
  readonly label: string
  /** The declaration, when it is one of the project's. */
  readonly target?: Target
}

/** @throws CodeNotTraceable when some code cannot be followed. */
export const reach = (entry: Entry): Reached => {
  const modules = makeModules(entry.root)
  const data = new Map<string, string>()
  const packages = new Map<string, Set<string>>()
  const files = new Set<string>()
  const programs = new Set<string>()
  const loadOrder: Array<string> = []
  const loaded = new Set<Module>()
  const meanings = new Map<string, Meaning>()
  const pending: Array<Target> = []

  const moduleAt = (path: string): Module => {
    files.add(path)
    return modules.at(path)
  }

  const reachUnit = (module: Module, unit: Unit): void => {
    if (module.reached.has(unit)) return
    module.reached.set(unit, { labels: new Set(), targets: new Map() })
    pending.push({ module, unit })
  }

  /** What happens when a module is loaded: its own effects, after those of the modules that it imports. */
  const load = (module: Module): void => {
    if (loaded.has(module)) return
    loaded.add(module)
    for (const { bare, specifier, start } of module.source.loads) {
      const found = modules.resolve(module, specifier, start)
      if (found.kind === "file") {
        noteManifest(found)
        if (isCode(found.path)) load(moduleAt(found.path))
      } else if (bare) follow(module, { specifier, name: "*" }, start)
    }
    const effects = module.source.units.filter(({ hasEffect }) => hasEffect)
    for (const unit of effects) reachUnit(module, unit)
    if (effects.length > 0) loadOrder.push(module.label)
  }

  const noteManifest = ({ manifest }: { readonly manifest?: string }) => {
    if (manifest !== undefined) files.add(manifest)
  }

  /** Reaches what an import stands for. */
  const follow = (module: Module, { name, specifier }: Imported, start: number, optional = false): Meaning => {
    const found = modules.resolve(module, specifier, start)
    const inPackage = { label: `${specifier}#${name}` }
    switch (found.kind) {
      case "builtin":
        return { label: `node:${found.name}#${name}` }
      case "package":
        addPackage(found.name, found.version, found.manifest)
        return inPackage
      case "absent":
        if (!optional) {
          const problem = `imports "${specifier}", and the package "${found.name}" is not installed`
          throw notTraceable(module, start, { problem, remedy: "Install it." })
        }
        addPackage(found.name, "absent", found.manifest)
        return inPackage
      case "file":
        noteManifest(found)
        return isCode(found.path) ? reachExport(moduleAt(found.path), name, start) : reachData(found.path)
    }
  }

  const addPackage = (name: string, version: string, manifest: string) => {
    packages.set(name, (packages.get(name) ?? new Set()).add(version))
    files.add(manifest)
  }

  const reachData = (path: string): Meaning => {
    files.add(path)
    const label = modules.labelOf(path)
    data.set(label, contentDigest(path))
    return { label }
  }

  const reachProgram = (path: string): Meaning => {
    programs.add(path)
    return reachExport(moduleAt(path), "*", 0)
  }

  const reachExport = (module: Module, name: string, start: number): Meaning => {
    const exported = `${module.label}#${name}`
    const known = meanings.get(exported)
    if (known !== undefined) return known
    // Modules may export each other's.
    meanings.set(exported, { label: module.label })
    load(module)
    const found = name === "*" ? reachAll(module, start) : reachOne(module, name, start)
    meanings.set(exported, found)
    return found
  }

  const reachAll = (module: Module, start: number): Meaning => {
    const { exports, stars } = module.source
    const own = [...exports.keys()].toSorted().map((name) => `${name}=${reachExport(module, name, start).label}`)
    const others = stars.map((specifier) => follow(module, { specifier, name: "*" }, start).label)
    return { label: `${module.label}{${[...own, ...others].join(",")}}` }
  }

  const reachOne = (module: Module, name: string, start: number): Meaning => {
    const { exports, imports, stars } = module.source
    const exported = exports.get(name)
    if (exported !== undefined) {
      const imported = "specifier" in exported ? exported : imports.get(exported.local)
      if (imported !== undefined) return follow(module, imported, start)
    }
    if (exported !== undefined && "local" in exported) {
      const unit = module.byName.get(exported.local)
      const label = `${module.label}#${exported.local}`
      if (unit === undefined) return { label }
      reachUnit(module, unit)
      return { label, target: { module, unit } }
    }
    const star = stars.find((specifier) => {
      const found = modules.resolve(module, specifier, start)
      return found.kind === "file" && isCode(found.path) && gives(moduleAt(found.path), name, new Set())
    })
    if (star !== undefined) return follow(module, { specifier: star, name }, start)
    // From a package behind `export *`, or a CommonJS module, which counts as a whole.
    const outside = stars.filter((specifier) => modules.resolve(module, specifier, start).kind !== "file")
      .map((specifier) => follow(module, { specifier, name }, start).label)
    return { label: [`${module.label}#?${name}`, ...outside].join("|") }
  }

  const gives = (module: Module, name: string, seen: Set<Module>): boolean => {
    if (seen.has(module)) return false
    seen.add(module)
    return module.source.exports.has(name) || module.source.stars.some((specifier) => {
      const found = modules.resolve(module, specifier, 0)
      return found.kind === "file" && isCode(found.path) && gives(moduleAt(found.path), name, seen)
    })
  }

  const followName = ({ module, unit }: Target, reference: Reference): void => {
    const { labels, targets } = linksOf({ module, unit })
    const own = module.byName.get(reference.name)
    if (own !== undefined) {
      reachUnit(module, own)
      targets.set(reference.name, { module, unit: own })
      return
    }
    const imported = module.source.imports.get(reference.name)
    if (imported === undefined) return
    const [property = ""] = reference.properties
    const wanted = imported.name === "*" && property !== "" && isOneOfAll(reference)
      ? { ...imported, name: property }
      : imported
    const { label, target } = follow(module, wanted, reference.start)
    if (target !== undefined) targets.set(reference.name, target)
    labels.add(`${reference.name}${wanted === imported ? "" : `.${property}`}=${label}`)
  }

  const followImport = ({ module, unit }: Target, { names, optional, specifier, start }: DynamicImport): void => {
    if (specifier === undefined) {
      throw notTraceable(module, start, {
        problem: `imports a module whose name is computed (${lineOf(module.source, start)})`,
        remedy: "Write the module's path as a string literal, so that a change in it can be noticed."
      })
    }
    for (const name of names ?? ["*"]) {
      const { label } = follow(module, { specifier, name }, start, optional)
      linksOf({ module, unit }).labels.add(`${specifier}#${name}=${label}`)
    }
  }

  /** Of alternatives (`built ? "./worker.js" : "./worker.ts"`) those that are there. Folders are places, not content. */
  const followBeside = ({ module, unit }: Target, alternatives: ReadonlyArray<string>): void => {
    const paths = alternatives.map((path) => join(dirname(module.source.path), path))
      .filter((path) => !path.endsWith(sep) && !isDirectory(path))
    const there = paths.filter((path) => existsSync(path))
    for (const path of there.length > 0 ? there : paths) {
      const { label } = isCode(path) && existsSync(path) ? reachProgram(path) : reachData(path)
      linksOf({ module, unit }).labels.add(label)
    }
  }

  const begin = (): string => {
    const module = moduleAt(entry.path)
    if (entry.exportName === undefined) {
      load(module)
      const { call, unit } = entryUnit(module.source, entry)
      reachUnit(module, unit)
      return call
    }
    const { target } = reachExport(module, entry.exportName, 0)
    return target?.unit.isPattern === true ? entry.exportName : ""
  }

  const within = begin()
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { besides, imports, names } = next.unit.references()
    for (const reference of names) followName(next, reference)
    for (const each of imports) followImport(next, each)
    for (const alternatives of besides) followBeside(next, alternatives)
  }
  return { within, modules, loadOrder, programs, data, packages, files }
}

/** Whether one property of a namespace is used, and not the namespace. */
const isOneOfAll = ({ properties, use }: Reference) => use !== "assign" || properties.length > 1

const lineOf = ({ lineAt, text }: SourceFile, start: number) => (text.split("\n")[lineAt(start) - 1] ?? "").trim()

const isDirectory = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
