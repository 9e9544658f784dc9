import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { codeFingerprint } from "../../../runtime/execution/CodeFingerprint.ts"
import { Catalog } from "../../../runtime/lineage/Catalog.ts"

/** A project in a temporary folder. Its nodes are plain objects: the fingerprint looks at code alone. */
const project = () => {
  const root = mkdtempSync(join(tmpdir(), "gemflow-code-"))
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  write("package.json", JSON.stringify({ name: "project", version: "1.0.0", type: "module" }))
  write(
    "node_modules/mathematics/package.json",
    JSON.stringify({ name: "mathematics", version: "2.3.4", main: "index.js" })
  )
  write("node_modules/mathematics/index.js", "exports.pi = 3")
  write("nodes/helper.ts", "export const twice = (x: number) => x * 2\nexport const unused = (x: number) => x * 3\n")
  write("nodes/lazy.ts", "export const lazy = (x: number) => x + 10\n")
  write(
    "nodes/score.ts",
    `import { twice } from "./helper.ts"
export const score = { definition: {}, run: async (x: number) => (await import("./lazy.ts")).lazy(twice(x)) }
`
  )
  return { root, write }
}

const made = (module: string) => ({ name: "node", module, madeAt: () => "" })

/** Imports the module afresh under a copy of the name, as a new process would, and fingerprints its export. */
const fingerprintOf = Effect.fnUntraced(function*(root: string, file: string, exportName: string) {
  const module = pathToFileURL(join(root, file)).href
  const namespace: Record<string, { readonly definition: object }> = yield* Effect.promise(() => import(module))
  return yield* codeFingerprint(Object.assign(namespace[exportName]?.definition ?? {}, made(module)))
})

const inProject = <A, E>(
  use: (project: ReturnType<typeof projectOf>) => Effect.Effect<A, E, Catalog>
) => {
  const made = projectOf()
  return use(made).pipe(Effect.provide(Catalog.layer(join(made.root, ".gemflow"))))
}
const projectOf = project

describe("codeFingerprint", () => {
  it.effect("names each file that is reached, also by import()", () =>
    inProject(({ root }) =>
      Effect.gen(function*() {
        const { code, packages } = yield* fingerprintOf(root, "nodes/score.ts", "score")
        expect(Object.keys(code.parts)).toEqual(["nodes/helper.ts", "nodes/lazy.ts", "nodes/score.ts"])
        expect(packages).toEqual({})
      })
    ))

  it.effect("does not see comments, formatting and code that is not reached", () =>
    inProject(({ root, write }) =>
      Effect.gen(function*() {
        const before = yield* fingerprintOf(root, "nodes/score.ts", "score")
        write(
          "nodes/helper.ts",
          "// doubles\nexport const twice = (x: number) =>\n  x * /* two */ 2\nexport const unused = (x: number) => x * 4\n"
        )
        write(
          "nodes/score.ts",
          `import { twice } from "./helper.ts"
/** A score. */
export const score = {
  definition: {},
  // runs
  run: async (x: number) => (await import(/* later */ "./lazy.ts")).lazy(
    twice(/* the argument */ x)
  )
}
`
        )
        expect(yield* fingerprintOf(root, "nodes/score.ts", "score")).toEqual(before)
      })
    ))

  it.effect("sees a change in a helper, and says in which file", () =>
    inProject(({ root, write }) =>
      Effect.gen(function*() {
        const before = yield* fingerprintOf(root, "nodes/score.ts", "score")
        write("nodes/lazy.ts", "export const lazy = (x: number) => x + 11\n")
        const after = yield* fingerprintOf(root, "nodes/score.ts", "score")
        expect(after.code.digest).not.toBe(before.code.digest)
        const changed = Object.keys(after.code.parts).filter((file) =>
          JSON.stringify(after.code.parts[file]) !== JSON.stringify(before.code.parts[file])
        )
        expect(changed).toEqual(["nodes/lazy.ts"])
      })
    ))

  it.effect("sees worker scripts and data files named by new URL", () =>
    inProject(({ root, write }) =>
      Effect.gen(function*() {
        write("nodes/worker.ts", "import { twice } from './helper.ts'\npostMessage(twice(1))\n")
        write("nodes/table.json", "[1]")
        write(
          "nodes/host.ts",
          `export const host = { definition: {}, run: () => [new URL("./worker.ts", import.meta.url), new URL('./table.json', import.meta.url)] }\n`
        )
        const before = yield* fingerprintOf(root, "nodes/host.ts", "host")
        expect(Object.keys(before.code.parts)).toEqual([
          "nodes/helper.ts",
          "nodes/host.ts",
          "nodes/table.json",
          "nodes/worker.ts"
        ])
        write("nodes/table.json", "[2]")
        const data = yield* fingerprintOf(root, "nodes/host.ts", "host")
        expect(data.code.parts["nodes/table.json"]).not.toBe(before.code.parts["nodes/table.json"])
        write("nodes/worker.ts", "import { twice } from './helper.ts'\npostMessage(twice(2))\n")
        const worker = yield* fingerprintOf(root, "nodes/host.ts", "host")
        expect(worker.code.parts["nodes/worker.ts"]).not.toBe(before.code.parts["nodes/worker.ts"])
      })
    ))

  it.effect("holds the versions of imported packages, and notices a new one", () =>
    inProject(({ root, write }) =>
      Effect.gen(function*() {
        write(
          "nodes/circle.ts",
          `import { pi } from "mathematics"\nimport "node:fs"\nexport const circle = { definition: {}, run: () => pi }\n`
        )
        expect((yield* fingerprintOf(root, "nodes/circle.ts", "circle")).packages).toEqual({ mathematics: "2.3.4" })
        write("node_modules/mathematics/package.json", JSON.stringify({ name: "mathematics", version: "2.4.0" }))
        expect((yield* fingerprintOf(root, "nodes/circle.ts", "circle")).packages).toEqual({ mathematics: "2.4.0" })
      })
    ))

  it.effect("of one node does not change with another declared in the same file", () =>
    inProject(({ root, write }) =>
      Effect.gen(function*() {
        write(
          "node_modules/gemflow/package.json",
          JSON.stringify({ name: "gemflow", version: "1.0.0", type: "module" })
        )
        write(
          "node_modules/gemflow/index.js",
          "export const Node = { make: (options) => ({ ...options, definition: {} }) }"
        )
        const file = (other: string) =>
          `import { Node } from "gemflow"
export const first = Node.make({ run: () => 1 })
export const second = Node.make({ run: () => ${other} })
`
        write("nodes/two.ts", file("2"))
        const before = yield* fingerprintOf(root, "nodes/two.ts", "first")
        write("nodes/two.ts", file("3"))
        expect(yield* fingerprintOf(root, "nodes/two.ts", "first")).toEqual(before)
        const second = yield* fingerprintOf(root, "nodes/two.ts", "second")
        write("nodes/two.ts", file("4"))
        expect(yield* fingerprintOf(root, "nodes/two.ts", "second")).not.toEqual(second)
      })
    ))

  it.effect("of a node that is not exported is that of the declaration in which it was made", () =>
    inProject(({ root, write }) =>
      Effect.gen(function*() {
        const path = join(root, "nodes/inner.ts")
        const text = (other: string) =>
          `import { twice } from "./helper.ts"
const make = (options: object) => options
const inner = make({ run: () => twice(1) })
export const other = () => ${other}
`
        const at = (line: number) => ({
          ...made(pathToFileURL(path).href),
          madeAt: () => `Error\n    at ${path}:${line}:16`
        })
        write("nodes/inner.ts", text("1"))
        const inner = at(3)
        const before = yield* codeFingerprint(inner)
        expect(Object.keys(before.code.parts)).toEqual(["nodes/helper.ts", "nodes/inner.ts"])
        write("nodes/inner.ts", text("2"))
        expect(yield* codeFingerprint(inner)).toEqual(before)
        write("nodes/helper.ts", "export const twice = (x: number) => x * 2 + 1\n")
        const changed = yield* codeFingerprint(inner)
        expect(changed).not.toEqual(before)
        // Two that one declaration makes are told apart by their calls.
        write(
          "nodes/inner.ts",
          text("2").replace("make({", "[make({ run: () => twice(2) }), make({").replace("1) })", "1) })]")
        )
        const both = [inner, { ...inner, madeAt: () => `Error\n    at ${path}:3:47` }]
        const digests = yield* Effect.forEach(both, (each) =>
          Effect.map(codeFingerprint(each), ({ code }) => code.digest))
        expect(new Set([changed.code.digest, ...digests]).size).toBe(3)
      })
    ))

  it.effect("refuses imports that it cannot follow, and names the place", () =>
    inProject(({ root, write }) =>
      Effect.gen(function*() {
        write(
          "nodes/computed.ts",
          "export const computed = {\n  definition: {},\n  run: (name: string) => import(name)\n}\n"
        )
        const computed = yield* Effect.flip(fingerprintOf(root, "nodes/computed.ts", "computed"))
        expect(computed.message).toContain(
          `${join(root, "nodes/computed.ts")}:3 imports a module whose name is computed`
        )

        write("nodes/missing.ts", `export const missing = { definition: {}, run: () => import("./nowhere.ts") }\n`)
        const missing = yield* Effect.flip(fingerprintOf(root, "nodes/missing.ts", "missing"))
        expect(missing.message).toContain(`${join(root, "nodes/missing.ts")}:1 cannot be followed`)
        expect(missing.message).toContain("./nowhere.ts")

        write("nodes/absent.ts", `export const absent = { definition: {}, run: () => import("no-such-package") }\n`)
        const absent = yield* Effect.flip(fingerprintOf(root, "nodes/absent.ts", "absent"))
        expect(absent.message).toContain(`the package "no-such-package" is not installed`)
      })
    ))

  it.live("is remembered once its files have settled: an unchanged module is not parsed again", () =>
    inProject(({ root }) =>
      Effect.gen(function*() {
        const catalog = yield* Catalog
        const name = `${join(root, "nodes/score.ts")}#score`
        const memo = Effect.gen(function*() {
          yield* fingerprintOf(root, "nodes/score.ts", "score")
          return yield* catalog.memo("code", name)
        })
        let remembered = yield* memo
        while (remembered === undefined) {
          yield* Effect.sleep(20)
          remembered = yield* memo
        }
        // A remembered fingerprint that differs from the truth shows that it is the memory that answers.
        const parts = { "nodes/score.ts": "remembered" }
        yield* catalog.setMemo("code", name, { ...(remembered as object), parts: JSON.stringify(parts) })
        expect((yield* fingerprintOf(root, "nodes/score.ts", "score")).code.parts).toEqual(parts)
        yield* catalog.setMemo("code", name, {
          ...(remembered as object),
          parts: JSON.stringify(parts),
          version: 1
        })
        expect((yield* fingerprintOf(root, "nodes/score.ts", "score")).code.parts).not.toEqual(parts)
      })
    ))
})
