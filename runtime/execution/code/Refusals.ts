/** Refuses code whose result may depend on what no key knows. */
import { sep } from "node:path"
import { linksOf, type Module, type Modules, notTraceable, type Target } from "./Modules.ts"
import type { WrittenPath } from "./References.ts"
import type { Unit } from "./SourceFile.ts"
import { isFunction } from "./Syntax.ts"
import { escape, type Undeclared, undeclared } from "./Undeclared.ts"

/** @throws CodeNotTraceable unless the code is a package's, or a comment gives the reason why it may stay. */
const refuse = (module: Module, start: number, problem: Undeclared): void => {
  const { source } = module
  const isPackage = source.path.split(sep).includes("node_modules")
  if (isPackage || source.outsideKey(source.lineAt(start)) !== undefined) return
  throw notTraceable(module, start, problem)
}

/** @param programs paths of the modules that run in a worker or process of their own */
export const refuseUnknowns = ({ all }: Modules, programs: ReadonlySet<string>): void => {
  for (const module of all.values()) {
    for (const unit of module.reached.keys()) {
      refuseNames({ module, unit }, 0, programs)
      for (const reading of unit.references().readings) refuseReading(module, reading)
    }
    refuseAssignedElsewhere(module)
  }
  refuseInCalls(all, programs)
}

/** @param whenLoaded in how many functions code may stand that is run when its module is loaded */
const refuseNames = ({ module, unit }: Target, whenLoaded: number, programs: ReadonlySet<string>): void => {
  const { imports, path } = module.source
  for (const reference of unit.references().names) {
    if (module.byName.has(reference.name)) continue
    const isProgram = programs.has(path)
    const problem = undeclared(reference, imports.get(reference.name), reference.depth <= whenLoaded, isProgram)
    if (problem !== undefined) refuse(module, reference.start, problem)
  }
}

const refuseReading = (module: Module, { path, start }: WrittenPath): void =>
  refuse(module, start, {
    problem: `reads the file "${path}", whose content is no part of the node's key`,
    remedy: `Make it a config field of type InputFile, or name it as new URL("./file", import.meta.url). ${escape}`
  })

/** What stands directly in a function that is called when a module is loaded is run then too. */
const refuseInCalls = (all: Modules["all"], programs: ReadonlySet<string>): void => {
  const called = new Set<Unit>()
  const pending: Array<Target & { readonly depth: number }> = [...all.values()].flatMap((module) =>
    [...module.reached.keys()].map((unit) => ({ module, unit, depth: 0 }))
  )
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { targets } = linksOf(next)
    for (const { depth, name, properties, use } of next.unit.references().names) {
      const target = targets.get(name)
      if (depth > next.depth || use !== "call" || properties.length > 0 || target === undefined) continue
      if (called.has(target.unit) || !isFunctionUnit(target.unit)) continue
      called.add(target.unit)
      refuseNames(target, 1, programs)
      pending.push({ ...target, depth: 1 })
    }
  }
}

const isFunctionUnit = ({ node }: Unit): boolean =>
  isFunction(node) || (node.type === "VariableDeclarator" && !!node.init && isFunction(node.init))

/** A variable that code outside of the node's assigns to may hold anything. */
const refuseAssignedElsewhere = (module: Module): void => {
  if (module.reached.size === 0) return
  for (const unit of module.source.units) {
    if (module.reached.has(unit)) continue
    for (const { name, properties, start, use } of unit.references().names) {
      const variable = module.byName.get(name)
      if (use !== "assign" || variable === undefined || !module.reached.has(variable)) continue
      refuse(module, start, {
        problem:
          `assigns to ${[name, ...properties].join(".")}, which the node's code reads, in ${unit.name}, which it `
          + "does not run, so the value is no part of its key",
        remedy: `Make it a config field. ${escape}`
      })
    }
  }
}
