/** Where an import leads, as Node would find it: to a file of the project, into an installed package, or nowhere. */
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join, sep } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { installedPackage, packageName, packageRoot } from "../InstalledPackage.ts"

export type Resolved =
  | { readonly kind: "file"; readonly path: string; readonly manifest?: string }
  | { readonly kind: "builtin"; readonly name: string }
  | { readonly kind: "package"; readonly name: string; readonly version: string; readonly manifest: string }
  | { readonly kind: "absent"; readonly name: string; readonly manifest: string }
  | { readonly kind: "unknown"; readonly problem: string; readonly remedy: string }

/** The conditions under which Node picks among a package's exports for an import. */
const conditions = new Set(["node", "import", "module-sync", "node-addons", "default"])

/**
 * Resolves `specifier` as written in the file `importer`. A package that is linked (a workspace, `file:`, a symbolic link)
 * and one that imports itself by name lead to their files, since these change without a new version.
 */
export const resolveImport = (specifier: string, importer: string): Resolved => {
  if (isBuiltin(specifier)) return { kind: "builtin", name: specifier.replace(/^node:/, "") }
  if (/^(\.{1,2}\/|\/|file:)/.test(specifier)) return file(new URL(specifier, pathToFileURL(importer)), specifier)
  if (specifier.startsWith("#")) return packageImport(specifier, importer)
  if (/^[a-z][a-z+.-]+:/.test(specifier)) {
    return unknown(
      `imports "${specifier}", which cannot be followed`,
      "Import it by a relative path or from an installed package."
    )
  }
  return packageFile(specifier, importer)
}

const unknown = (problem: string, remedy: string): Resolved => ({ kind: "unknown", problem, remedy })

const file = (url: URL, specifier: string): Resolved => {
  const path = fileURLToPath(url)
  // CommonJS finds files without their extension too.
  const found = [path, `${path}.js`, `${path}.cjs`, `${path}.json`, join(path, "index.js")].find(isFile)
  return found === undefined
    ? unknown(`cannot be followed: it imports "${specifier}", which does not exist`, "Correct the import.")
    : { kind: "file", path: found }
}

const packageFile = (specifier: string, importer: string): Resolved => {
  const name = packageName(specifier)
  const installed = installedPackage(name, dirname(importer))
  if (installed === undefined) {
    const root = packageRoot(dirname(importer)) ?? dirname(importer)
    if (isTsconfigPath(specifier, root)) {
      return unknown(
        `imports "${specifier}", which only the paths of tsconfig.json know, and Node does not read these`,
        `Write it in the "imports" of package.json (with a name that starts with #), or import it by a relative path.`
      )
    }
    return { kind: "absent", name, manifest: join(root, "node_modules", name, "package.json") }
  }
  const folder = realpathSync(dirname(installed.manifest))
  const isProjectCode = name !== "gemflow" && !folder.split(sep).includes("node_modules")
  if (!isProjectCode) return { kind: "package", ...installed, name }
  const path = entryOf(folder, specifier.slice(name.length))
  return path === undefined
    ? unknown(
      `imports "${specifier}" from the linked package ${folder}, which has no such file`,
      "Build that package, or correct its exports."
    )
    : { kind: "file", path, manifest: join(folder, "package.json") }
}

/** The file that a linked package gives for `""` or a path such as `/deep/file.js`. */
const entryOf = (folder: string, subpath: string): string | undefined => {
  const manifest = manifestOf(folder)
  const exports = manifest["exports"]
  if (exports !== undefined && exports !== null) {
    const table = isRecord(exports) && Object.keys(exports).some((key) => key.startsWith("."))
      ? exports
      : { ".": exports }
    const target = targetIn(table, `.${subpath}`)
    return target === undefined ? undefined : [join(folder, target)].find(isFile)
  }
  const main = typeof manifest["main"] === "string" ? manifest["main"] : "index.js"
  const path = join(folder, subpath === "" ? main : subpath)
  return [path, `${path}.js`, join(path, "index.js")].find(isFile)
}

const packageImport = (specifier: string, importer: string): Resolved => {
  const root = packageRoot(dirname(importer))
  const imports = root === undefined ? undefined : manifestOf(root)["imports"]
  const target = isRecord(imports) ? targetIn(imports, specifier) : undefined
  if (root === undefined || target === undefined) {
    return unknown(
      `imports "${specifier}", which the "imports" of ${join(root ?? "", "package.json")} do not have`,
      "Add it there, or import by a relative path."
    )
  }
  const inside = join(root, "package.json")
  const found = resolveImport(target, inside)
  return found.kind === "file" ? { ...found, manifest: found.manifest ?? inside } : found
}

/** Looks a name up in `exports` or `imports`: as written, or by a pattern with one `*`, the longest first. */
const targetIn = (table: Readonly<Record<string, unknown>>, name: string): string | undefined => {
  if (Object.hasOwn(table, name)) return target(table[name])
  const patterns = Object.keys(table).filter((key) => key.includes("*")).toSorted((a, b) => b.length - a.length)
  for (const pattern of patterns) {
    const [before = "", after = ""] = pattern.split("*")
    if (name.length < pattern.length || !name.startsWith(before) || !name.endsWith(after)) continue
    return target(table[pattern])?.replaceAll("*", name.slice(before.length, name.length - after.length))
  }
  return undefined
}

const target = (value: unknown): string | undefined => {
  if (typeof value === "string") return value
  if (Array.isArray(value)) return value.map(target).find((found) => found !== undefined)
  if (!isRecord(value)) return undefined
  for (const [condition, inner] of Object.entries(value)) {
    if (!conditions.has(condition)) continue
    const found = target(inner)
    if (found !== undefined) return found
  }
  return undefined
}

/** Whether tsconfig.json has a path that would match: for the error alone, so its comments are not parsed. */
const isTsconfigPath = (specifier: string, root: string): boolean => {
  const path = join(root, "tsconfig.json")
  if (!existsSync(path)) return false
  const text = /"paths"\s*:\s*\{([^}]*)\}/.exec(readFileSync(path, "utf8"))?.[1] ?? ""
  return [...text.matchAll(/"([^"]+)"\s*:/g)].some(([, pattern = ""]) =>
    pattern.includes("*") ? specifier.startsWith(pattern.slice(0, pattern.indexOf("*"))) : specifier === pattern
  )
}

const manifestOf = (folder: string): Readonly<Record<string, unknown>> => {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  return isRecord(manifest) ? manifest : {}
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() === true
