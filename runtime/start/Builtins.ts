/** Calls into Node's built-in modules that a pipeline's code makes while it is loaded. */
import { createRequire, isBuiltin, syncBuiltinESMExports } from "node:module"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** Modules whose functions depend on their arguments alone. */
const pure: ReadonlySet<string> = new Set(
  ("path path/posix path/win32 url util util/types assert assert/strict events querystring string_decoder buffer stream "
    + "stream/promises stream/web async_hooks diagnostics_channel constants punycode zlib").split(" ")
)

/** Modules that are watched while a pipeline is loaded. What is in neither list stands in the way of a certificate. */
const watchable: ReadonlySet<string> = new Set(
  ("fs fs/promises os child_process crypto timers timers/promises https net tls dns dns/promises dgram readline "
    + "readline/promises perf_hooks worker_threads sqlite vm").split(" ")
)

/** Functions that look at one path and at nothing else. */
const readers: ReadonlySet<string> = new Set([
  "readFileSync",
  "readFile",
  "existsSync",
  "statSync",
  "stat",
  "accessSync",
  "access"
])

export interface Watch {
  /** Notes a look at the surroundings; whether it was the user's code. */
  readonly touched: (what: string) => boolean
  readonly byUser: () => boolean
  readonly consulted: (path: string) => void
}

export interface Watched {
  /** Exports that cannot be replaced, and so not be watched. */
  readonly unwatched: ReadonlyArray<string>
  readonly restore: () => void
}

/** Watches a module until `restore`; undefined when there is nothing to watch; a sentence when it cannot be watched. */
export const watchBuiltin = (name: string, watch: Watch): Watched | string | undefined => {
  const module = name.replace(/^node:/, "")
  if (pure.has(module)) return undefined
  if (!watchable.has(module) || !isBuiltin(`node:${module}`)) return `the pipeline's code imports ${name}`
  const exports: object = createRequire(import.meta.url)(`node:${module}`)
  const unwatched: Array<string> = []
  const before = Object.getOwnPropertyDescriptors(exports)
  for (const [key, descriptor] of Object.entries(before)) {
    // `fs.promises` is the module fs/promises.
    if (`${module}.${key}` === "fs.promises") continue
    const value: unknown = descriptor.get === undefined ? descriptor.value : descriptor.get.call(exports)
    if (isConstant(value)) continue
    if (!descriptor.configurable) {
      unwatched.push(key)
      continue
    }
    const { enumerable = true } = descriptor
    Object.defineProperty(exports, key, {
      configurable: true,
      enumerable,
      writable: true,
      value: watched(`${module}.${key}`, key, value, watch)
    })
  }
  syncBuiltinESMExports()
  return {
    unwatched,
    restore: () => {
      Object.defineProperties(exports, before)
      syncBuiltinESMExports()
    }
  }
}

/** A constant is the same for all: a primitive, or a record of such. */
const isConstant = (value: unknown): value is string | number | boolean | null | undefined => {
  if (typeof value === "function") return false
  if (typeof value !== "object" || value === null) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === null || prototype === Object.prototype) && Object.values(value).every(isConstant)
}

/** Whether a module's text imports from a built-in module by name alone, and none of some names. */
export const importsNoneOf = (text: string, module: string, names: ReadonlyArray<string>): boolean => {
  const mentions = text.split(new RegExp(`["'\`](?:node:)?${module}["'\`]`)).slice(0, -1)
  return mentions.length > 0 && mentions.every((before) => {
    const listed = /\bimport\s*\{([^{}]*)\}\s*from\s*$/.exec(before)?.[1]
    return listed?.split(",").every((name) => !["default", ...names].includes(name.trim().split(/\s/)[0] ?? "")) ===
      true
  })
}

const watched = (what: string, name: string, value: object, watch: Watch): unknown => {
  if (typeof value !== "function") {
    return new Proxy(value, {
      get: (target, key) => {
        watch.touched(`${what}.${String(key)}`)
        const part: unknown = Reflect.get(target, key)
        return typeof part === "function" ? part.bind(target) : part
      }
    })
  }
  return new Proxy(value, {
    apply: (target, self, args) => {
      const path = readers.has(name) ? pathOf(args[0]) : undefined
      if (path === undefined) watch.touched(`${what}()`)
      else if (watch.byUser()) watch.consulted(path)
      return Reflect.apply(target, self, args)
    },
    construct: (target, args, base) => {
      watch.touched(`new ${what}()`)
      return Reflect.construct(target, args, base)
    }
  })
}

const pathOf = (argument: unknown): string | undefined => {
  if (typeof argument === "string") return resolve(argument)
  return argument instanceof URL && argument.protocol === "file:" ? fileURLToPath(argument) : undefined
}
