/**
 * What code may depend on without its key knowing: environment variables, the command line, a moment, chance. Told by the
 * names that the code uses; what hides behind a package or another name is not seen.
 */
import type { Reference } from "./References.ts"
import type { Imported } from "./SourceFile.ts"

export interface Undeclared {
  readonly problem: string
  readonly remedy: string
}

/**
 * Why a use of a name cannot be part of a key, when it cannot.
 *
 * @param imported what the name is, when it is imported
 * @param whenLoaded whether this happens when the module is loaded, so that its value stays in a variable
 * @param isProgram whether the module is a program of its own, whose arguments are what the node's code gives it
 */
export const undeclared = (
  reference: Reference,
  imported: Imported | undefined,
  whenLoaded: boolean,
  isProgram: boolean
): Undeclared | undefined => {
  const path = subject(reference, imported)
  const [first, second] = path
  if (first === "process") {
    if (second === undefined || second === "") return reads("process as a whole", environmentRemedy(undefined))
    if (second === "env") return reads(path.filter((part) => part !== "").join("."), environmentRemedy(path[2]))
    if (outsideOfProcess.has(second) && !isProgram) return reads(`process.${second}`, configRemedy)
  }
  if (imported === undefined && isGlobal(reference.name) && (first ?? "") === "") {
    return reads(`${reference.name} as a whole, by which process and all else can be reached`, wholeRemedy)
  }
  if (imported?.name === "createRequire" && /^(node:)?module$/.test(imported.specifier)) {
    return reads("files through createRequire", "Import the file, or declare it as an InputFile.")
  }
  if (first === "Config" && imported !== undefined) {
    return reads("the environment with Effect's Config", environmentRemedy(undefined))
  }
  if (!whenLoaded) return undefined
  const isNow = first === "Date" && second === undefined && reference.use === "call" && reference.count === 0
  const name = path.slice(0, 2).join(".")
  return isNow || momentary.has(name) || (first === "os" && second !== undefined && second !== "EOL")
    ? {
      problem: `takes ${
        isNow ? "the time" : name
      } when the module is loaded, and the value is no part of the node's key`,
      remedy: `Make it a config field, or take it inside run. ${escape}`
    }
    : undefined
}

export const escape = "If it cannot change the result, say so on the line above: // gemflow: outside-key REASON"

const reads = (what: string, remedy: string): Undeclared => ({
  problem: `reads ${what}, which is no part of the node's key`,
  remedy: `${remedy} ${escape}`
})

const environmentRemedy = (name: string | undefined) =>
  `Declare the variable where the node is made (env: ["${name || "NAME"}"]) and read env["${
    name || "NAME"
  }"], which run receives.`

const wholeRemedy = "Write out what is used of it."

const isGlobal = (name: string): boolean => name === "globalThis" || name === "global"

const configRemedy = "Make it a config field."

const outsideOfProcess = new Set(["argv", "execArgv", "cwd", "stdin"])

const momentary = new Set([
  "Date.now",
  "Math.random",
  "performance.now",
  "crypto.randomUUID",
  "crypto.randomBytes",
  "crypto.randomInt",
  "crypto.getRandomValues",
  "process.hrtime",
  "process.pid",
  "process.uptime",
  "process.memoryUsage"
])

const modules: Readonly<Record<string, string>> = {
  process: "process",
  crypto: "crypto",
  os: "os",
  perf_hooks: ""
}

/** What a use is about, under the name that the thing has everywhere: `env.HOME` of node:process is process.env.HOME. */
const subject = ({ name, properties }: Reference, imported: Imported | undefined): ReadonlyArray<string> => {
  if (imported === undefined) return isGlobal(name) ? properties : [name, ...properties]
  const module = modules[imported.specifier.replace(/^node:/, "")]
  const isWhole = imported.name === "*" || imported.name === "default"
  if (module !== undefined) {
    return [module, ...(isWhole ? [] : [imported.name]), ...properties].filter((part) => part !== "")
  }
  const isConfig = (imported.specifier === "effect" && imported.name === "Config")
    || imported.specifier === "effect/Config"
    || (imported.specifier === "effect" && isWhole && properties[0] === "Config")
  return isConfig ? ["Config"] : []
}
