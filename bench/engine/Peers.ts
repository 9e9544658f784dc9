/** Finds the programs that gemflow is compared with; what is absent is told with how to get it. */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

/** A peer that can be run, or a sentence why not. */
export type Found<A> = { readonly found: A; readonly version: string } | { readonly absent: string }

/** The Python named by an environment variable, when it has the packages. */
const python = (variable: string, packages: ReadonlyArray<string>): Found<string> => {
  const executable = process.env[variable] ?? process.env["GEMFLOW_PYTHON"] ?? "python3"
  const script = "import sys, importlib.metadata as m; print(*[f'{p} {m.version(p)}' for p in sys.argv[1:]], sep=', ')"
  const { status, stdout } = spawnSync(executable, ["-c", script, ...packages], { encoding: "utf8" })
  if (status === 0) return { found: executable, version: stdout.trim() }
  return {
    absent: `${executable} has not all of ${packages.join(", ")}; `
      + `install them (pip install ${packages.join(" ")}) or name a Python that has them in ${variable}.`
  }
}

export const findPyTorch = (): Found<string> => python("GEMFLOW_PYTHON", ["torch", "transformers"])
export const findPeft = (): Found<string> => python("GEMFLOW_PYTHON", ["torch", "transformers", "peft"])
export const findOptimum = (): Found<string> => python("GEMFLOW_OPTIMUM", ["optimum-onnx"])

/** The module of an npm package, as a URL to import. */
const npmPackage = (name: string): Found<string> => {
  const folder = process.env["GEMFLOW_PEERS"] ?? fileURLToPath(new URL("../..", import.meta.url))
  const root = join(folder, "node_modules", name)
  const path = join(root, "package.json")
  if (!existsSync(path)) {
    return {
      absent: `there is no package ${name} in ${folder}; `
        + `install it in a folder of its own (npm install ${name}) and name that folder in GEMFLOW_PEERS.`
    }
  }
  const description: { readonly version: string; readonly exports?: unknown; readonly main?: string } = JSON.parse(
    readFileSync(path, "utf8")
  )
  const entry = entryOf(Object(description.exports)["."]) ?? description.main ?? "index.js"
  return { found: pathToFileURL(join(root, entry)).href, version: `${name} ${description.version}` }
}

/** What Node's `import` takes among a package's exports. A package elsewhere cannot be imported by its name. */
const entryOf = (exports: unknown): string | undefined => {
  if (typeof exports === "string") return exports
  if (typeof exports !== "object" || exports === null) return undefined
  for (const [condition, target] of Object.entries(exports)) {
    const entry = ["node", "import", "default"].includes(condition) ? entryOf(target) : undefined
    if (entry !== undefined) return entry
  }
  return undefined
}

export const findTransformersJs = (): Found<string> => npmPackage("@huggingface/transformers")
export const findLlamaCpp = (): Found<string> => npmPackage("node-llama-cpp")
