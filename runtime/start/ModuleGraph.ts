/** The modules that Node loads, and the files on which it depends that it loads these and no others. */
import { existsSync } from "node:fs"
import * as nodeModule from "node:module"
import { dirname, isAbsolute, join, sep } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { consulted } from "../execution/Consulted.ts"
import { realPathOf } from "../execution/Stamp.ts"

interface Import {
  readonly parent: string
  readonly specifier: string
  readonly url: string
}

export interface ModuleGraph {
  /** Whether a file is gemflow's own code, or what that imports. */
  readonly isTrusted: (path: string) => boolean
  /** The pipeline file is about to be imported. */
  readonly entry: (url: string) => void
  /** Notes every file and folder on which the graph depends as consulted; gives where links lead. */
  readonly consult: () => Readonly<Record<string, string>>
}

export interface GraphListener {
  /** A file of the user's code imports a built-in module. */
  readonly builtin: (name: string, importer: string) => void
  readonly problem: (what: string) => void
}

/** What the user's code may import of gemflow and of what gemflow imports: all else can look at the world unwatched. */
const offered = /^(gemflow|effect)(\/|$)/

/**
 * Watches from now on. Modules are the user's when they are reached by an import from the pipeline file, and were not
 * imported by gemflow before.
 *
 * @param root gemflow's folder
 */
export const watchModules = (root: string, listener: GraphListener): ModuleGraph => {
  const imports: Array<Import> = []
  const users = new Set<string>()
  const trusted = new Set<string>()
  let entry: string | undefined
  const places = ["nodes", "artifacts", join("runtime", "pipeline"), join("runtime", "index.ts"), "dist"]
    .map((place) => join(root, place))
  const isOffered = (path: string) => places.some((place) => path === place || path.startsWith(place + sep))

  const learn = ({ parent, specifier, url }: Import) => {
    const isUsers = users.has(parent)
    if (!isUsers && url !== entry && !(specifier === entry)) {
      if (!users.has(url)) trusted.add(url)
      return
    }
    if (!url.startsWith("file:")) {
      if (nodeModule.isBuiltin(url)) listener.builtin(url, fileURLToPath(parent))
      else listener.problem(`${parent} imports ${url.slice(0, 40)}`)
      return
    }
    const path = fileURLToPath(url)
    if (isUsers && (offered.test(specifier) || isOffered(path))) trusted.add(url)
    else if (trusted.has(url)) listener.problem(`${fileURLToPath(parent)} imports ${specifier}, as gemflow does`)
    else if (specifier.startsWith("#")) listener.problem(`${fileURLToPath(parent)} imports ${specifier}`)
    else {
      users.add(url)
      consulted(path)
    }
  }

  nodeModule.registerHooks({
    resolve: (specifier, context, next) => {
      const resolved = next(specifier, context)
      const found = { parent: context.parentURL ?? "", specifier, url: resolved.url }
      imports.push(found)
      learn(found)
      return resolved
    }
  })

  const effect = () => [...trusted].find((url) => url.includes("/node_modules/effect/"))
  let effectFolder: string | undefined
  return {
    isTrusted: (path) => {
      if (!isAbsolute(path)) return false
      const url = pathToFileURL(path).href
      if (users.has(url)) return false
      if (
        trusted.has(url) || path.startsWith(join(root, "bin") + sep) || path.startsWith(join(root, "runtime") + sep)
      ) {
        return true
      }
      effectFolder ??= effect()?.replace(/(\/node_modules\/effect\/).*/, "$1")
      return isOffered(path) || (effectFolder !== undefined && url.startsWith(effectFolder))
    },
    entry: (url) => entry = url,
    consult: () => consult(imports)
  }
}

const consult = (imports: ReadonlyArray<Import>): Readonly<Record<string, string>> => {
  const links: Record<string, string> = {}
  const folders = new Set<string>()
  const asked = new Set<string>()
  for (const { parent, specifier, url } of imports) {
    if (!url.startsWith("file:")) continue
    const path = fileURLToPath(url.replace(/[?#].*/, ""))
    consulted(path)
    folders.add(dirname(path))
    if (/^(\.{0,2}\/|file:)/.test(specifier)) {
      const written = new URL(specifier, parent === "" ? undefined : parent).href.replace(/[?#].*/, "")
      if (written !== url) links[fileURLToPath(written)] ??= path
    } else if (!specifier.startsWith("#") && parent.startsWith("file:")) {
      const name = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")
      const from = dirname(fileURLToPath(parent))
      if (!asked.has(`${from}\n${name}`)) consultPackage(from, name, links)
      asked.add(`${from}\n${name}`)
    }
  }
  folders.forEach(consultScope)
  return links
}

/** The folders in which a package is looked for, up to the one where it is. */
const consultPackage = (from: string, name: string, links: Record<string, string>) => {
  for (const folder of ancestors(from)) {
    if (folder.endsWith(`${sep}node_modules`)) continue
    const place = join(folder, "node_modules", name)
    const manifest = join(place, "package.json")
    consulted(manifest)
    if (existsSync(manifest)) {
      links[place] ??= realPathOf(place)
      return
    }
  }
}

/** The package.json that says of what kind a folder's modules are. */
const consultScope = (folder: string) => {
  for (const place of ancestors(folder)) {
    if (place.endsWith(`${sep}node_modules`)) return
    const manifest = join(place, "package.json")
    consulted(manifest)
    if (existsSync(manifest)) return
  }
}

const ancestors = (folder: string): ReadonlyArray<string> => {
  const parent = dirname(folder)
  return parent === folder ? [folder] : [folder, ...ancestors(parent)]
}
