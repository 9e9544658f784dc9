/**
 * What code a node runs: its module's imports inside the project, followed by esbuild, tree-shaken, with comments and
 * formatting removed. Loads esbuild, so this module is imported only when a fingerprint is not known yet.
 */
import * as esbuild from "esbuild"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, statSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { isBuiltin } from "node:module"
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path"
import { CodeNotTraceable } from "./CodeNotTraceable.ts"
import { installedPackage, packageName } from "./InstalledPackage.ts"

/** Where the code of a node starts. */
export interface Entry {
  /** Absolute path of the node's module. */
  readonly path: string
  /** The export that is the node; absent when it is not exported, and then the whole module counts. */
  readonly exportName?: string
  /** The folder that file names are relative to. */
  readonly root: string
}

export interface CodeBundle {
  /** Digest of the code that is reached, per file (relative to the root, with forward slashes). */
  readonly parts: { readonly [file: string]: string }
  /** Version of each package that the code imports. */
  readonly packages: { readonly [name: string]: string }
  /** Every file that was looked at: while all are as they were, so is the bundle. */
  readonly files: ReadonlyArray<string>
}

/** @throws CodeNotTraceable when some code cannot be followed. */
export const bundle = async (entry: Entry): Promise<CodeBundle> => {
  const texts = new Map<string, Array<string>>()
  const packages = new Map<string, string>()
  const files = new Set<string>()
  const pending: Array<{ readonly path: string; readonly exportName?: string }> = [entry]
  const seen = new Set<string>()

  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (seen.has(next.path)) continue
    seen.add(next.path)
    const built = await build(next, entry.root)
    built.files.forEach((file) => files.add(file))
    for (const [file, text] of built.parts) {
      texts.set(file, [...(texts.get(file) ?? []), await normalise(text)])
      for (const path of referencedFiles(text, resolve(entry.root, file))) {
        files.add(path)
        if (isScript(path) && existsSync(path)) pending.push({ path })
        else texts.set(portable(relative(entry.root, path)), [contentOf(path)])
      }
    }
    for (const { importer, specifier } of built.external) {
      const found = installedPackage(packageName(specifier), dirname(importer))
      if (found === undefined) {
        throw new CodeNotTraceable({
          file: importer,
          problem: `imports "${specifier}", and the package "${packageName(specifier)}" is not installed`,
          remedy: "Install it."
        })
      }
      packages.set(found.name, found.version)
      files.add(found.manifest)
    }
  }
  return {
    parts: Object.fromEntries([...texts].map(([file, pieces]) => [file, digest(pieces)]).toSorted(byName)),
    packages: Object.fromEntries([...packages].toSorted(byName)),
    files: [...files].toSorted()
  }
}

const byName = ([a]: ReadonlyArray<string>, [b]: ReadonlyArray<string>) => (a ?? "") < (b ?? "") ? -1 : 1

/** SHA-256 over length-prefixed pieces. */
const digest = (pieces: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const piece of pieces) hash.update(`${Buffer.byteLength(piece)}:`).update(piece)
  return hash.digest("hex")
}

interface Built {
  readonly parts: ReadonlyArray<readonly [file: string, text: string]>
  readonly files: ReadonlyArray<string>
  readonly external: ReadonlyArray<{ readonly specifier: string; readonly importer: string }>
}

/** The name of the virtual module that imports the entry; no file can have it. */
const stdinName = "<entry>"

const build = async (entry: { readonly path: string; readonly exportName?: string }, root: string): Promise<Built> => {
  const result = await esbuild.build({
    ...entryOptions(entry),
    absWorkingDir: root,
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "esnext",
    packages: "external",
    metafile: true,
    legalComments: "none",
    // Node itself reads no tsconfig.json either.
    tsconfigRaw: "{}",
    logLevel: "silent",
    logOverride: { "unsupported-dynamic-import": "warning" },
    plugins: [declarationsArePure]
  }).catch((error: unknown) => {
    throw untraceable(error, entry.path, root)
  })
  const [output] = Object.values(result.metafile.outputs)
  const text = result.outputFiles[0]?.text ?? ""
  const live = new Set(Object.keys(output?.inputs ?? {}))
  const parts = splitByFile(text, live)
  refuseComputedImports(result.warnings, parts, root)

  const external = Object.entries(result.metafile.inputs).flatMap(([file, { imports }]) =>
    imports
      .filter((imported) => imported.external === true && output?.imports.some((kept) => kept.path === imported.path))
      .map((imported) => ({ specifier: imported.path, importer: resolve(root, file) }))
  )
  const unfollowed = external.find(({ specifier }) => /^(#|[a-z]+:\/\/|\/)/.test(specifier))
  if (unfollowed !== undefined) {
    throw new CodeNotTraceable({
      file: unfollowed.importer,
      problem: `imports "${unfollowed.specifier}", which cannot be followed`,
      remedy: "Import it by a relative path or from an installed package."
    })
  }
  return {
    parts,
    files: Object.keys(result.metafile.inputs).filter((file) => file !== stdinName).map((file) => resolve(root, file)),
    external: external.filter(({ specifier }) => !isBuiltin(specifier))
  }
}

const entryOptions = ({ exportName, path }: { readonly path: string; readonly exportName?: string }) =>
  // An entry point keeps all that it exports, and what happens when it is loaded.
  exportName === undefined ? { entryPoints: [path] } : {
    stdin: {
      contents: `export { ${JSON.stringify(exportName)} as node } from ${JSON.stringify(`./${basename(path)}`)}`,
      resolveDir: dirname(path),
      sourcefile: stdinName
    }
  }

/**
 * Declaring a node, a table type, a schema or a pipeline has no effect of its own, but a bundler cannot know. Told so, it
 * drops the declarations of other nodes that happen to stand in the same file.
 */
const declarationsArePure: esbuild.Plugin = {
  name: "gemflow-declarations-are-pure",
  setup: (build) => {
    build.onLoad({ filter: /\.[cm]?[jt]s$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8")
      const loader = /\.[cm]?ts$/.test(path) ? "ts" as const : "js" as const
      return {
        loader,
        contents: /from\s*["'](gemflow|effect)\b/.test(source)
          ? source.replace(
            /(?<![\w$.])(?=(?:Node\.make|TableType\.\w+|pipeline|Effect\.succeed|(?:Schema|Column)\.[\w.]+)(?:<[^<>()]*>)?\()/g,
            "/* @__PURE__ */ "
          )
          : source
      }
    })
  }
}

/** esbuild writes `// path` above each file's code. Its own run-time helpers come before the first and are left out. */
const splitByFile = (text: string, files: ReadonlySet<string>): ReadonlyArray<readonly [string, string]> => {
  const parts: Array<[string, Array<string>]> = []
  for (const line of text.split("\n")) {
    const file = line.startsWith("// ") ? line.slice(3) : undefined
    if (file !== undefined && files.has(file)) parts.push([file, []])
    else parts.at(-1)?.[1].push(line)
  }
  return parts.map(([file, lines]) => [portable(file), lines.join("\n")])
}

/** esbuild keeps some comments inside expressions; white space goes as well. Nodes share most of their files. */
const normalise = (code: string): Promise<string> => {
  const known = normalised.get(code)
  if (known !== undefined) return known
  const options = {
    loader: "js",
    minifyWhitespace: true,
    treeShaking: false,
    legalComments: "none",
    logLevel: "silent"
  } as const
  const normal = esbuild.transform(code, options).then(({ code }) => code)
  normalised.set(code, normal)
  return normal
}

const normalised = new Map<string, Promise<string>>()

const computedImport = /\bimport\(\s*(?:\/\*[^*]*\*\/\s*)*(?!["'`])/

const refuseComputedImports = (
  warnings: ReadonlyArray<esbuild.Message>,
  parts: ReadonlyArray<readonly [string, string]>,
  root: string
) => {
  const texts = new Map(parts)
  for (const { id, location } of warnings) {
    if (id !== "unsupported-dynamic-import" || location === null) continue
    // The warning comes for every file parsed; only code that is reached matters.
    if (!computedImport.test(texts.get(portable(location.file)) ?? "")) continue
    throw new CodeNotTraceable({
      file: resolve(root, location.file),
      line: location.line,
      problem: `imports a module whose name is computed (${location.lineText.trim()})`,
      remedy: "Write the module's path as a string literal, so that a change in it can be noticed."
    })
  }
}

/**
 * The files that code refers to as `new URL("./file", import.meta.url)`: worker scripts and data. Of alternatives
 * (`ts ? "./worker.ts" : "./worker.js"`) those that are there. Folders are places, not content.
 */
const referencedFiles = (code: string, importer: string): ReadonlyArray<string> =>
  [...code.matchAll(/new URL\(([^;]*?),\s*import\.meta\.url\s*\)/g)].flatMap(([, argument = ""]) => {
    const paths = [...argument.matchAll(/(["'`])(\.{1,2}\/(?:(?!\1)[^\\$])*)\1/g)]
      .map(([, , literal = ""]) => join(dirname(importer), literal))
      .filter((path) => !path.endsWith(sep) && !isDirectory(path))
    const there = paths.filter((path) => existsSync(path))
    return there.length > 0 ? there : paths
  })

const isDirectory = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

const isScript = (path: string) => /^\.[cm]?[jt]s$/.test(extname(path))

const contentOf = (path: string): string =>
  existsSync(path) ? createHash("sha256").update(readFileSync(path)).digest("hex") : "absent"

const portable = (path: string) => path.split(sep).join("/")

const untraceable = (error: unknown, path: string, root: string): unknown => {
  if (!isBuildFailure(error)) return error
  const [first] = error.errors
  return new CodeNotTraceable({
    file: first?.location ? resolve(root, first.location.file) : path,
    ...(first?.location ? { line: first.location.line } : {}),
    problem: `cannot be followed: ${first?.text ?? error.message}`,
    remedy: "Correct the import."
  })
}

const isBuildFailure = (error: unknown): error is esbuild.BuildFailure =>
  error instanceof Error && "errors" in error && Array.isArray(error.errors)
