/**
 * What a pipeline sees of its surroundings while it is loaded and planned. A pipeline file may read the clock, the
 * environment or files as it defines its nodes; what a run would do then depends on more than its files, and no
 * certificate may say otherwise.
 *
 * Until planning is over, every global that is not known to be a function of its arguments alone is replaced by a getter,
 * and so are the functions of built-in modules: whoever is the user's code, or was called by it, is noted. Environment
 * variables are noted with their values, files that are read whole with their stamps; anything else stands in the way of a
 * certificate. gemflow's own modules and effect's may look at what they like, for their answers do not depend on it.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { consulted } from "../execution/Consulted.ts"
import { importsNoneOf, watchBuiltin } from "./Builtins.ts"

/** Globals that give every run the same. `process` and `Math.random` are looked after below. */
const pureGlobals: ReadonlySet<string> = new Set([
  ..."Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Promise RegExp"
    .split(" "),
  ..."Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError SuppressedError".split(
    " "
  ),
  ..."DisposableStack AsyncDisposableStack DOMException globalThis global JSON Math Reflect Proxy Iterator".split(" "),
  ..."ArrayBuffer DataView Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array Float16Array".split(" "),
  ..."Float32Array Float64Array Uint8ClampedArray BigUint64Array BigInt64Array Map BigInt Set WeakMap WeakSet".split(
    " "
  ),
  ..."decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape eval isFinite isNaN WebAssembly".split(
    " "
  ),
  ..."Buffer URL URLSearchParams TextEncoder TextDecoder structuredClone queueMicrotask atob btoa".split(" "),
  ..."AbortController Event EventTarget CustomEvent".split(" "),
  "process"
])

/** Of `process`, what is the same in every run of an invocation. */
const pureProcess: ReadonlySet<PropertyKey> = new Set([
  "env",
  "cwd",
  "platform",
  "arch",
  "version",
  "versions",
  "release",
  "execPath",
  "argv",
  Symbol.toStringTag
])

/** Variables that change how a run looks, not what it does. */
const display: ReadonlySet<string> = new Set(["NO_COLOR", "FORCE_COLOR", "COLORTERM", "TERM", "CI"])

export interface Surroundings {
  /** What stands in the way of a certificate. */
  readonly problems: ReadonlySet<string>
  readonly environment: ReadonlyMap<string, string | null>
  /** The user's code has begun to be loaded, or has been. */
  readonly loading: (under: boolean) => void
  /** A file of the user's code imports a built-in module. */
  readonly builtin: (name: string, importer: string) => void
  /** Puts everything back. */
  readonly end: () => void
}

/** @param isTrusted whether a file is gemflow's own code, or what that imports */
export const watchSurroundings = (isTrusted: (path: string) => boolean): Surroundings => {
  const problems = new Set<string>()
  const environment = new Map<string, string | null>()
  const restore: Array<() => void> = []
  let isLoading = false
  let ended = false

  const note = (what: string) => {
    const { byUser, culprit } = responsible(isTrusted, isLoading)
    if (culprit !== undefined) problems.add(`${culprit} uses ${what} while it is loaded or planned`)
    return byUser
  }
  const touched = (what: string): boolean => !ended && note(what)

  const realEnvironment = process.env
  const read = (name: string) => {
    if (ended || environment.has(name)) return
    if (display.has(name) && !responsible(isTrusted, isLoading).byUser) return
    environment.set(name, realEnvironment[name] ?? null)
  }
  const env = new Proxy(realEnvironment, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name)
      if (typeof name === "string") read(name)
      return value
    },
    has: (target, name) => {
      if (typeof name === "string") read(name)
      return Reflect.has(target, name)
    },
    ownKeys: (target) => {
      touched("the whole environment")
      return Reflect.ownKeys(target)
    },
    set: (target, name, value) => {
      touched(`process.env.${String(name)} = …`)
      return Reflect.set(target, name, value)
    },
    deleteProperty: (target, name) => {
      touched(`delete process.env.${String(name)}`)
      return Reflect.deleteProperty(target, name)
    }
  })
  process.env = env
  restore.push(() => process.env = realEnvironment)

  const realProcess = process
  const seenProcess = new Proxy<object>({}, {
    get: (_, name) => {
      if (!pureProcess.has(name)) touched(`process.${String(name)}`)
      const value: unknown = Reflect.get(realProcess, name)
      return typeof value === "function" ? value.bind(realProcess) : value
    },
    set: (_, name, value) => {
      touched(`process.${String(name)} = …`)
      return Reflect.set(realProcess, name, value)
    },
    has: (_, name) => Reflect.has(realProcess, name),
    ownKeys: () => {
      touched("the properties of process")
      return []
    }
  })

  const replace = (owner: object, name: PropertyKey, seen: (value: unknown) => unknown) => {
    const descriptor = Object.getOwnPropertyDescriptor(owner, name)
    if (descriptor === undefined || !descriptor.configurable) return
    const back = () => Object.defineProperty(owner, name, descriptor)
    Object.defineProperty(owner, name, {
      configurable: true,
      enumerable: descriptor.enumerable ?? false,
      get: () => seen(descriptor.get === undefined ? descriptor.value : descriptor.get.call(owner)),
      set: (value: unknown) => {
        touched(`${String(name)} = …`)
        back()
        Reflect.set(owner, name, value)
      }
    })
    restore.push(back)
  }
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    // Where effect keeps what modules of several versions share.
    if (pureGlobals.has(name) || name.startsWith("~effect/")) continue
    replace(globalThis, name, (value) => {
      touched(name)
      return value
    })
  }
  replace(Math, "random", (value) => {
    touched("Math.random")
    return value
  })
  // Those of the user's code that look at `process` get one that notes what they look at.
  replace(globalThis, "process", (value) => !ended && responsible(isTrusted, false).byUser ? seenProcess : value)

  const builtins = new Map<string, ReadonlyArray<string>>()
  const builtin = (name: string, importer?: string) => {
    if (ended) return
    if (!builtins.has(name)) builtins.set(name, begin(name))
    const unwatched = builtins.get(name) ?? []
    if (importer === undefined || unwatched.length === 0) return
    if (!importsNoneOf(readFileSync(importer, "utf8"), name.replace(/^node:/, ""), unwatched)) {
      problems.add(`${importer} imports more of ${name} than can be watched`)
    }
  }
  const begin = (name: string): ReadonlyArray<string> => {
    const watched = watchBuiltin(name, {
      touched,
      consulted,
      byUser: () => !ended && responsible(isTrusted, false).byUser
    })
    if (typeof watched === "string") problems.add(watched)
    if (watched === undefined || typeof watched === "string") return []
    restore.push(watched.restore)
    return watched.unwatched
  }
  builtin("fs")
  builtin("fs/promises")

  return {
    problems,
    environment,
    loading: (under) => isLoading = under,
    builtin,
    end: () => {
      if (ended) return
      ended = true
      restore.toReversed().forEach((back) => back())
    }
  }
}

interface Responsible {
  /** The user's code is at work: it is on the stack. */
  readonly byUser: boolean
  /** Who is to be named, if anybody. */
  readonly culprit: string | undefined
}

/**
 * Who is behind a look at the surroundings. While a pipeline is loaded, what is called neither by the user's code nor by
 * the evaluation of a module was started by the user's code and goes on by itself.
 */
const responsible = (isTrusted: (path: string) => boolean, isLoading: boolean): Responsible => {
  const callers = stack()
  // Node's own modules call one another: whoever called the first of them was noted then, and a `require` is no look.
  const [caller = ""] = callers
  if (caller.startsWith("node:")) return { byUser: false, culprit: undefined }
  const culprit = callers.find((file) => !file.startsWith("node:") && !isTrusted(file))
  if (culprit !== undefined) return { byUser: true, culprit }
  const isEvaluation = !isLoading || callers.some((file) => file.startsWith("node:internal/modules/"))
  return { byUser: !isEvaluation, culprit: isEvaluation ? undefined : "something that the pipeline file started" }
}

/** The files of the calls under way, innermost first, without this module's own. */
const stack = (): ReadonlyArray<string> => {
  const { prepareStackTrace, stackTraceLimit } = Error
  const holder: { stack?: unknown } = {}
  Error.stackTraceLimit = Number.POSITIVE_INFINITY
  Error.prepareStackTrace = (_, sites) =>
    sites.map((site) => fileOf(site.getFileName() ?? originOf(site.getEvalOrigin())))
  Error.captureStackTrace(holder)
  const files = Array.isArray(holder.stack) ? holder.stack.filter((file) => typeof file === "string") : []
  Error.prepareStackTrace = prepareStackTrace
  Error.stackTraceLimit = stackTraceLimit
  return files.filter((file) => !own.has(file) && file !== "node:native")
}

/** The file whose code made the code: `eval at f (file:///dir/gem.ts:12:3)`. Functions of the language have none. */
const originOf = (origin: string | undefined): string =>
  origin === undefined
    ? "node:native"
    : /\(((?:file:\/\/)?\/[^()]*?):\d+:\d+\)/.exec(origin)?.[1] ?? "code of unknown origin"

const fileOf = (name: string): string => name.startsWith("file:") ? fileURLToPath(name) : name

const own: ReadonlySet<string> = new Set([
  fileURLToPath(import.meta.url),
  fileURLToPath(
    new URL(
      import.meta.url.endsWith(".ts") ? "./Builtins.ts" : "./Builtins.js",
      import.meta.url
    )
  )
])
