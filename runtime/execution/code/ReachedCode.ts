/**
 * What code a node runs: from its declaration through everything that refers on, within the project. A top-level
 * declaration that nothing reached refers to is left out; a statement that may have an effect when its module is loaded is
 * not. Loads a parser, so this module is imported only when a fingerprint is not known yet.
 */
import { createHash } from "node:crypto"
import { existsSync, readFileSync, statSync } from "node:fs"
import { dirname, extname, join, relative, resolve, sep } from "node:path"
import { digestJson } from "../../../artifacts/CanonicalJson.ts"
import { CodeNotTraceable } from "../CodeNotTraceable.ts"
import { fileStamp } from "../FileStamp.ts"
import { type Entry, entryUnit } from "./Entry.ts"
import type { Reference } from "./References.ts"
import { type Resolved, resolveImport } from "./ResolveImport.ts"
import { type Imported, readSource, type SourceFile, type Unit } from "./SourceFile.ts"
import { undeclared } from "./Undeclared.ts"

export interface ReachedCode {
  /** Digest of all of it. */
  readonly digest: string
  /**
   * Per file (relative to the root, with forward slashes) a digest of each declaration that is reached; for a file that is
   * no code, a digest of the whole.
   */
  readonly parts: { readonly [file: string]: string | { readonly [declaration: string]: string } }
  /** Version of each package that the code imports; "absent" for one that it can do without. */
  readonly packages: { readonly [name: string]: string }
  /** Every file that was looked at: while all are as they were, so is the code. */
  readonly files: ReadonlyArray<string>
}

interface Module {
  readonly source: SourceFile
  readonly label: string
  readonly byName: ReadonlyMap<string, Unit>
  /** What is reached, with what its imported names lead to. */
  readonly reached: Map<Unit, Links>
  readonly resolved: Map<string, Resolved>
  readonly found: Map<string, Found>
}

interface Links {
  /** What the imported names that it uses stand for. */
  readonly labels: Set<string>
  /** By name, the project's declarations that it uses. */
  readonly targets: Map<string, Target>
}

/** What an import stands for. */
interface Found {
  /** A name of it that is the same wherever it is imported. */
  readonly label: string
  /** The declaration, when it is one of the project's. */
  readonly target?: Target
}

interface Target {
  readonly module: Module
  readonly unit: Unit
}

/** @throws CodeNotTraceable when some code cannot be followed, or uses what no key knows. */
export const reachedCode = (entry: Entry): ReachedCode => {
  const modules = new Map<string, Module>()
  const data = new Map<string, string>()
  const packages = new Map<string, Set<string>>()
  const files = new Set<string>()
  const resolutions = new Map<string, Resolved>()
  /** Modules that run in a worker or process of their own. */
  const programs = new Set<string>()
  const loadOrder: Array<string> = []
  const loaded = new Set<string>()
  const pending: Array<{ readonly module: Module; readonly unit: Unit }> = []

  const labelOf = (path: string) => relative(entry.root, path).split(sep).join("/")

  /** What is not a relative path means the same in a whole folder. */
  const resolveOnce = (specifier: string, importer: string): Resolved => {
    const name = `${specifier.startsWith(".") ? importer : dirname(importer)} ${specifier}`
    const known = resolutions.get(name)
    if (known !== undefined) return known
    const found = resolveImport(specifier, importer)
    resolutions.set(name, found)
    return found
  }

  const moduleAt = (path: string): Module => {
    const known = modules.get(path)
    if (known !== undefined) return known
    files.add(path)
    const source = parsed(path)
    const byName = new Map(source.units.flatMap((unit) => unit.declares.map((name) => [name, unit] as const)))
    const made: Module = {
      source,
      label: labelOf(path),
      byName,
      reached: new Map(),
      resolved: new Map(),
      found: new Map()
    }
    modules.set(path, made)
    return made
  }

  const reach = (module: Module, unit: Unit): void => {
    if (module.reached.has(unit)) return
    module.reached.set(unit, { labels: new Set(), targets: new Map() })
    pending.push({ module, unit })
  }

  /** What happens when a module is loaded: its own effects, after those of the modules that it imports. */
  const load = (module: Module): void => {
    const { source } = module
    if (loaded.has(source.path)) return
    loaded.add(source.path)
    for (const { bare, specifier, start } of source.loads) {
      const found = resolveIn(module, specifier, start)
      if (found.kind === "file") {
        noteManifest(found)
        if (isCode(found.path)) load(moduleAt(found.path))
      } else if (bare) follow(module, { specifier, name: "*" }, start, false)
    }
    const effects = source.units.filter(({ hasEffect }) => hasEffect)
    for (const unit of effects) reach(module, unit)
    if (effects.length > 0) loadOrder.push(module.label)
  }

  const resolveIn = (
    module: Module,
    specifier: string,
    start: number
  ): Exclude<Resolved, { readonly kind: "unknown" }> => {
    const known = module.resolved.get(specifier)
    const found = known ?? resolveOnce(specifier, module.source.path)
    module.resolved.set(specifier, found)
    if (found.kind === "unknown") throw refusal(module, start, found.problem, found.remedy)
    return found
  }

  const noteManifest = ({ manifest }: { readonly manifest?: string }) => {
    if (manifest !== undefined) files.add(manifest)
  }

  /** Reaches what an import stands for. */
  const follow = (module: Module, { name, specifier }: Imported, start: number, optional: boolean): Found => {
    const found = resolveIn(module, specifier, start)
    switch (found.kind) {
      case "builtin":
        return { label: `node:${found.name}#${name}` }
      case "package":
        addPackage(found.name, found.version, found.manifest)
        return { label: `${specifier}#${name}` }
      case "absent":
        if (!optional) {
          const problem = `imports "${specifier}", and the package "${found.name}" is not installed`
          throw refusal(module, start, problem, "Install it.")
        }
        addPackage(found.name, "absent", found.manifest)
        return { label: `${specifier}#${name}` }
      case "file":
        noteManifest(found)
        return isCode(found.path) ? reachExport(moduleAt(found.path), name, start) : reachData(found.path)
    }
  }

  const addPackage = (name: string, version: string, manifest: string) => {
    packages.set(name, (packages.get(name) ?? new Set()).add(version))
    files.add(manifest)
  }

  const reachData = (path: string): Found => {
    files.add(path)
    const label = labelOf(path)
    data.set(label, contentDigest(path))
    return { label }
  }

  const reachExport = (module: Module, name: string, start: number): Found => {
    const known = module.found.get(name)
    if (known !== undefined) return known
    // Modules may export each other's.
    module.found.set(name, { label: module.label })
    load(module)
    const found = name === "*" ? reachAll(module, start) : reachOne(module, name, start)
    module.found.set(name, found)
    return found
  }

  const reachAll = (module: Module, start: number): Found => {
    const { exports, stars } = module.source
    const own = [...exports.keys()].toSorted().map((name) => `${name}=${reachExport(module, name, start).label}`)
    const others = stars.map((specifier) => follow(module, { specifier, name: "*" }, start, false).label)
    return { label: `${module.label}{${[...own, ...others].join(",")}}` }
  }

  const reachOne = (module: Module, name: string, start: number): Found => {
    const { exports, imports, stars } = module.source
    const exported = exports.get(name)
    if (exported !== undefined) {
      const imported = "specifier" in exported ? exported : imports.get(exported.local)
      if (imported !== undefined) return follow(module, imported, start, false)
    }
    if (exported !== undefined && "local" in exported) {
      const unit = module.byName.get(exported.local)
      if (unit === undefined) return { label: `${module.label}#${exported.local}` }
      reach(module, unit)
      return { label: `${module.label}#${exported.local}`, target: { module, unit } }
    }
    const star = stars.find((specifier) => {
      const found = resolveIn(module, specifier, start)
      return found.kind === "file" && isCode(found.path) && gives(moduleAt(found.path), name, new Set())
    })
    if (star !== undefined) return follow(module, { specifier: star, name }, start, false)
    // From a package behind `export *`, or a CommonJS module, which counts as a whole.
    const outside = stars.filter((specifier) => resolveIn(module, specifier, start).kind !== "file")
      .map((specifier) => follow(module, { specifier, name }, start, false).label)
    return { label: [`${module.label}#?${name}`, ...outside].join("|") }
  }

  const reachProgram = (path: string): Found => {
    programs.add(path)
    return reachExport(moduleAt(path), "*", 0)
  }

  const gives = (module: Module, name: string, seen: Set<Module>): boolean => {
    if (seen.has(module)) return false
    seen.add(module)
    return module.source.exports.has(name) || module.source.stars.some((specifier) => {
      const found = resolveIn(module, specifier, 0)
      return found.kind === "file" && isCode(found.path) && gives(moduleAt(found.path), name, seen)
    })
  }

  const followReferences = (module: Module, unit: Unit): void => {
    const { source } = module
    const { labels, targets } = linksOf(module, unit)
    const { besides, imports, names, readings } = unit.references()
    for (const reference of names) {
      const own = module.byName.get(reference.name)
      const imported = source.imports.get(reference.name)
      if (own !== undefined) {
        reach(module, own)
        targets.set(reference.name, { module, unit: own })
      } else if (imported !== undefined) {
        const [property = ""] = reference.properties
        const wanted = imported.name === "*" && property !== "" && isOneOfAll(reference)
          ? { ...imported, name: property }
          : imported
        const { label, target } = follow(module, wanted, reference.start, false)
        if (target !== undefined) targets.set(reference.name, target)
        labels.add(`${reference.name}${wanted === imported ? "" : `.${property}`}=${label}`)
      }
      if (own === undefined) refuseUndeclared(module, reference, reference.depth === 0)
    }
    for (const { names: taken, optional, specifier, start } of imports) {
      if (specifier === undefined) {
        throw refusal(
          module,
          start,
          `imports a module whose name is computed (${lineOf(source, start)})`,
          "Write the module's path as a string literal, so that a change in it can be noticed."
        )
      }
      for (const name of taken ?? ["*"]) {
        labels.add(`${specifier}#${name}=${follow(module, { specifier, name }, start, optional).label}`)
      }
    }
    for (const alternatives of besides) {
      const paths = alternatives.map((path) => join(dirname(source.path), path))
        .filter((path) => !path.endsWith(sep) && !isDirectory(path))
      const there = paths.filter((path) => existsSync(path))
      for (const path of there.length > 0 ? there : paths) {
        labels.add((isCode(path) && existsSync(path) ? reachProgram(path) : reachData(path)).label)
      }
    }
    for (const { path, start } of readings) {
      refuse(module, start, {
        problem: `reads the file "${path}", whose content is no part of the node's key`,
        remedy: "Make it a config field of type InputFile, or name it as new URL(\"./file\", import.meta.url). "
          + "If it cannot change the result, say so on the line above: // gemflow: outside-key REASON"
      })
    }
  }

  const linksOf = (module: Module, unit: Unit): Links => {
    const links = module.reached.get(unit)
    if (links === undefined) throw new Error(`${unit.name} in ${module.label} was followed before it was reached`)
    return links
  }

  const refuseUndeclared = (module: Module, reference: Reference, whenLoaded: boolean): void => {
    const found = undeclared(
      reference,
      module.source.imports.get(reference.name),
      whenLoaded,
      programs.has(module.source.path)
    )
    if (found !== undefined) refuse(module, reference.start, found)
  }

  /** Code that calls a function while it is loaded runs what stands directly in that. */
  const refuseMomentsInCalls = (): void => {
    const called = new Set<Unit>()
    const calls: Array<{ readonly module: Module; readonly unit: Unit; readonly depth: number }> = []
    for (const module of modules.values()) {
      for (const unit of module.reached.keys()) calls.push({ module, unit, depth: 0 })
    }
    for (let next = calls.pop(); next !== undefined; next = calls.pop()) {
      const { depth, module, unit } = next
      for (const reference of unit.references().names) {
        if (reference.depth > depth) continue
        const target = linksOf(module, unit).targets.get(reference.name)
        if (target === undefined) refuseUndeclared(module, reference, true)
        else if (reference.use === "call" && reference.properties.length === 0 && !called.has(target.unit)) {
          called.add(target.unit)
          calls.push({ ...target, depth: 1 })
        }
      }
    }
  }

  /** A variable that code outside of the node's assigns to may hold anything. */
  const refuseAssignedElsewhere = (): void => {
    for (const module of modules.values()) {
      const others = module.source.units.filter((unit) => !module.reached.has(unit))
      for (const unit of others) {
        for (const { name, properties, start, use } of unit.references().names) {
          const variable = module.byName.get(name)
          if (use !== "assign" || variable === undefined || !module.reached.has(variable)) continue
          refuse(module, start, {
            problem:
              `assigns to ${[name, ...properties].join(".")}, which the node's code reads, in ${unit.name}, which it `
              + "does not run, so the value is no part of its key",
            remedy: "Make it a config field."
          })
        }
      }
    }
  }

  const isTrusted = (path: string) => path.split(sep).includes("node_modules")

  const refuse = (module: Module, start: number, { problem, remedy }: { problem: string; remedy: string }): void => {
    const { source } = module
    if (isTrusted(source.path) || source.outsideKey(source.lineAt(start)) !== undefined) return
    throw refusal(module, start, problem, remedy)
  }

  const refusal = ({ source }: Module, start: number, problem: string, remedy: string) =>
    new CodeNotTraceable({ file: source.path, line: source.lineAt(start), problem, remedy })

  const start = moduleAt(entry.path)
  let name = ""
  if (entry.exportName !== undefined) {
    const { target } = reachExport(start, entry.exportName, 0)
    if (target?.unit.isPattern === true) name = entry.exportName
  } else {
    load(start)
    const { call, unit } = entryUnit(start.source, entry)
    reach(start, unit)
    name = call
  }
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) followReferences(next.module, next.unit)
  refuseMomentsInCalls()
  refuseAssignedElsewhere()

  const reached = [...modules.values()].filter(({ reached }) => reached.size > 0).toSorted(byLabel)
    .map(({ label, reached, source }) => ({
      label,
      units: source.units.flatMap((unit) => {
        const links = reached.get(unit)
        return links === undefined
          ? []
          : [[unit.name, digestJson([unit.digest(), [...links.labels].toSorted()])] as const]
      })
    }))
  return {
    digest: digestJson({ name, reached, data: Object.fromEntries(data), loadOrder }),
    parts: Object.fromEntries([
      ...reached.map(({ label, units }) =>
        [label, Object.fromEntries(units.map(([unit, digest]) => [unit, short(digest)]))] as const
      ),
      ...[...data].map(([label, digest]) => [label, short(digest)] as const)
    ].toSorted(([a], [b]) => a < b ? -1 : 1)),
    packages: Object.fromEntries(
      [...packages].toSorted(([a], [b]) => a < b ? -1 : 1).map((
        [each, versions]
      ) => [each, [...versions].toSorted().join(", ")])
    ),
    files: [...files].toSorted()
  }
}

const byLabel = (a: Module, b: Module) => a.label < b.label ? -1 : 1

/** Parts only tell what differs, so they need not be proof against an adversary. */
const short = (digest: string) => digest.slice(0, 16)

/** Whether one property of a namespace is used, and not the namespace. */
const isOneOfAll = ({ properties, use }: Reference) => use !== "assign" || properties.length > 1

const lineOf = ({ lineAt, text }: SourceFile, start: number) => (text.split("\n")[lineAt(start) - 1] ?? "").trim()

const isCode = (path: string) => /^\.[cm]?[jt]s$/.test(extname(path))

const isDirectory = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

const contentDigest = (path: string): string => {
  if (!existsSync(path)) return "absent"
  const bytes = readFileSync(path)
  return createHash("sha256").update(path.endsWith(".json") ? compact(bytes.toString()) : bytes).digest("hex")
}

/** JSON without its layout; the order of its keys can be seen by code and stays. */
const compact = (json: string): string => {
  try {
    return JSON.stringify(JSON.parse(json))
  } catch {
    // Not JSON after all: then its text is what it is.
    return json
  }
}

/** Nodes share most of their files. What is not in use may be forgotten, since syntax trees are large. */
const known = new Map<string, { readonly stamp: string; readonly source: WeakRef<SourceFile> }>()

const parsed = (path: string): SourceFile => {
  const stamp = fileStamp(path)
  const before = known.get(path)
  const remembered = before?.stamp === stamp ? before.source.deref() : undefined
  if (remembered !== undefined) return remembered
  try {
    const source = readSource(path)
    known.set(path, { stamp, source: new WeakRef(source) })
    return source
  } catch (error) {
    throw new CodeNotTraceable({
      file: resolve(path),
      problem: `cannot be followed (${error instanceof Error ? error.message.split("\n")[0] : String(error)})`,
      remedy: "Correct it."
    })
  }
}
