/** A command line that a certificate can be for. */
import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { realPathOf } from "../execution/Stamp.ts"

export interface Invocation {
  /** Under which name its certificate is kept. */
  readonly name: string
  /** The pipeline file, absolute. */
  readonly file: string
  readonly store: string
  /** Events as JSON lines, and no table at the end. */
  readonly json: boolean
}

/** Flags of `gemflow run` that take a value and have no effect but on the plan. */
const flags: ReadonlySet<string> = new Set(["--set", "--select", "--store", "--device", "--jobs", "-j"])

/** Programs that listen to a run hear it from the executor. */
const listeners = /^(OTEL_|OPENLINEAGE)/

/**
 * The invocation that arguments mean, or why they are left to the full command. Only what is surely understood is taken:
 * `run FILE`, `--json`, and flags of those above, each followed by its value.
 */
export const invocationOf = (args: ReadonlyArray<string>): Invocation | string => {
  const [command, ...rest] = args
  if (command !== "run") return "the command is not run"
  let file: string | undefined
  let store: string | undefined
  let json = false
  for (let position = 0; position < rest.length; position++) {
    const argument = rest[position] ?? ""
    if (argument === "--json") json = true
    else if (argument.startsWith("-")) {
      const value = rest[++position]
      if (!flags.has(argument)) return `${argument} is left to the full command`
      if (value === undefined || value === "" || value.startsWith("-")) return `${argument} has no plain value`
      if (argument !== "--store") continue
      if (store !== undefined) return "--store is given twice"
      store = value
    } else if (file === undefined) file = argument
    else return "there are several files"
  }
  if (file === undefined || file === "") return "no file is named"
  const listener = Object.keys(process.env).find((name) => listeners.test(name))
  if (listener !== undefined) return `${listener} is set`
  const real = realPathOf(resolve(file))
  if (real === "absent") return `${file} is absent`
  return { name: nameOf(args), file: resolve(file), store: storeOf(dirname(real), store), json }
}

/** Everything beside files and declared variables that a plan may depend on. */
const nameOf = (args: ReadonlyArray<string>): string => {
  const { arch, env, execArgv, platform, version } = process
  const locale = ["NODE_OPTIONS", "NODE_PATH", "TZ", "LANG", "LANGUAGE", "LC_ALL"].map((name) => env[name] ?? null)
  const parts = [args, process.cwd(), version, platform, arch, execArgv, locale]
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex")
}

// As runtime/cli/Project.ts says.
const storeOf = (folder: string, named: string | undefined): string => {
  if (named !== undefined) return resolve(named)
  let root = folder
  while (!existsSync(join(root, "package.json"))) {
    if (dirname(root) === root) return join(folder, ".gemflow")
    root = dirname(root)
  }
  return join(root, ".gemflow")
}
