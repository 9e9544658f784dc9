/** Finds the package that an import names, the way Node does: upwards through node_modules, or the package itself. */
import * as Schema from "effect/Schema"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { consulted } from "./Consulted.ts"

export interface InstalledPackage {
  readonly name: string
  readonly version: string
  /** Its package.json. */
  readonly manifest: string
}

const Manifest = Schema.Struct({ name: Schema.optionalKey(Schema.String), version: Schema.optionalKey(Schema.String) })
const decodeManifest = Schema.decodeUnknownSync(Manifest)

/** `@scope/name/deep/path` -> `@scope/name`. */
export const packageName = (specifier: string): string =>
  specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")

/** The package called `name` as seen from `directory`, or undefined when it is not installed there. */
export const installedPackage = (name: string, directory: string): InstalledPackage | undefined => {
  // A package that imports itself by name gets itself, before any node_modules.
  const own = packageRoot(directory)
  if (own !== undefined) {
    const itself = read(join(own, "package.json"))
    if (itself.name === name) return itself
  }
  for (const folder of ancestors(directory)) {
    const manifest = join(folder, "node_modules", name, "package.json")
    if (isThere(manifest)) return { ...read(manifest), name }
  }
  return undefined
}

/** The folder of the nearest package.json at or above a directory. */
export const packageRoot = (directory: string): string | undefined =>
  ancestors(directory).find((folder) => isThere(join(folder, "package.json")))

const lockfiles = ["package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"]

/** The nearest lockfile at or above a directory. */
export const lockfile = (directory: string): string | undefined => {
  for (const folder of ancestors(directory)) {
    const found = lockfiles.map((name) => join(folder, name)).find(isThere)
    if (found !== undefined) return found
  }
  return undefined
}

const isThere = (path: string): boolean => {
  consulted(path)
  return existsSync(path)
}

const ancestors = (directory: string): ReadonlyArray<string> => {
  const parent = dirname(directory)
  return parent === directory ? [directory] : [directory, ...ancestors(parent)]
}

const read = (manifest: string): InstalledPackage => {
  const { name, version } = decodeManifest(JSON.parse(readFileSync(manifest, "utf8")))
  return { name: name ?? "", version: version ?? "0.0.0", manifest }
}
