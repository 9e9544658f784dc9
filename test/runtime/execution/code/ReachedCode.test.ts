import { describe, expect, it } from "@effect/vitest"
import { type Files, sources } from "./sources.ts"

const helper = `/** Doubles. */
export const twice = (x: number): number => x * FACTOR
const FACTOR = 2
export class Model { size = 1 }
export function unused() { return FACTOR + 1 }
`
const node = `import { Model, twice } from "./helper.ts"
export const node = { run: () => twice(new Model().size) }
`
const edited = (from: string, to: string): Files => {
  const [file, text] = helper.includes(from) ? ["helper.ts", helper] : ["node.ts", node]
  if (!text.includes(from)) throw new Error(from)
  return { [file]: text.replace(from, to) }
}

describe("a change is named by its declaration", () => {
  const cases: ReadonlyArray<readonly [string, Files, ReadonlyArray<string>]> = [
    ["a function", edited("x * FACTOR", "FACTOR * x"), ["twice() in helper.ts"]],
    ["a constant", edited("FACTOR = 2", "FACTOR = 3"), ["FACTOR in helper.ts"]],
    ["a class", edited("size = 1", "size = 2"), ["class Model in helper.ts"]],
    ["the node", edited("run: () =>", "run: async () =>"), ["node in node.ts"]],
    [
      "a helper with a new name",
      { "helper.ts": helper.replaceAll("FACTOR", "TIMES") },
      ["twice() in helper.ts", "FACTOR in helper.ts", "TIMES in helper.ts"]
    ],
    [
      "a new helper",
      edited("x * FACTOR", "third(x)\nconst third = (x: number) => x / 3"),
      ["twice() in helper.ts", "FACTOR in helper.ts", "third() in helper.ts"]
    ],
    ["a new top-level statement", edited("export class", "register(1)\nexport class"), ["register(…) in helper.ts"]],
    ["an object that a statement changes", edited("export class", "twice.label = 'a'\nexport class"), [
      "twice.label = … in helper.ts"
    ]],
    ["another order of statements", {
      "helper.ts": helper.replace("const FACTOR = 2\n", "").replace("export class", "const FACTOR = 2\nexport class")
    }, []],
    ["another order of declarations", {
      "helper.ts": `const FACTOR = 2\n${helper.replace("const FACTOR = 2\n", "")}`
    }, ["the order"]],
    ["a comment, a type, quotes and layout", {
      "helper.ts": helper.replace(
        "(x: number): number => x * FACTOR",
        "(\n  x: 1 | 2 // one\n) => (x * /* b */ FACTOR);"
      )
        .replace("/** Doubles. */", "")
    }, []],
    ["what is not reached", edited("FACTOR + 1", "FACTOR + 2"), []],
    ["an import of types", {
      "node.ts": `import type { T } from "./types.ts"\nimport { type Model as M } from "./helper.ts"\n${node}`,
      "types.ts": "export type T = string"
    }, []],
    ["a variable that hides one of the module", edited("FACTOR + 1", "((FACTOR) => FACTOR)(7)"), []]
  ]
  it.each(cases)("%s", (_, edit, expected) => {
    expect(sources({ "helper.ts": helper, "node.ts": node }).changes(edit)).toEqual(expected)
  })

  it("documentation and the way of working do not count, what is computed does", () => {
    const text = (more: string) =>
      `import { Node, Column } from "gemflow"
export const node = Node.make("n", { ${more} columns: { a: Column.utf8({ doc: "x", nullable: true }) }, run: () => 1 })
`
    const gemflow = { "node_modules/gemflow/package.json": `{ "name": "gemflow", "version": "1.2.3" }` }
    const project = sources({ ...gemflow, "node.ts": text(`doc: "One.",`) })
    expect(project.code().packages).toEqual({ gemflow: "1.2.3" })
    expect(project.changes({ "node.ts": text(`doc: "Two.", retry: { times: 3 }, timeout: "1 second",`) })).toEqual([])
    expect(project.changes({ "node.ts": text("").replace(`doc: "x", nullable: true`, `doc: "y", nullable: true`) }))
      .toEqual([])
    expect(project.changes({ "node.ts": text("").replace("nullable: true", "nullable: false") })).toEqual([
      "node in node.ts"
    ])
  })
})

describe("code is followed", () => {
  it("through re-exports, and a name that then stands for another thing is a change", () => {
    const project = sources({
      "node.ts": `import { f, g } from "./all.ts"\nimport * as every from "./all.ts"\n`
        + `export const node = { run: () => f() + g() + every.h() }\n`,
      "all.ts": `export { a as f, b as g } from "./ab.ts"\nexport * from "./h.ts"\n`,
      "ab.ts": "export const a = () => 1\nexport const b = () => 2\nexport const c = () => 3\n",
      "h.ts": `export * from "./all.ts"\nexport const h = () => 4\nexport const i = () => 5\n`
    })
    expect(project.reached()).toEqual({ "ab.ts": ["a()", "b()"], "h.ts": ["h()"], "node.ts": ["node"] })
    const swapped = { "all.ts": `export { a as g, b as f } from "./ab.ts"\nexport * from "./h.ts"\n` }
    expect(project.changes(swapped)).toEqual(["node in node.ts"])
  })

  it("into a whole module where any of it may be used", () => {
    const project = sources({
      "node.ts": `import * as all from "./all.ts"\nexport const node = { run: (k: "a" | "b") => all[k]() }\n`,
      "all.ts": "export const a = () => 1\nexport const b = () => 2\n"
    })
    expect(project.reached()).toEqual({ "all.ts": ["a()", "b()"], "node.ts": ["node"] })
  })

  it("into what import() gives, as far as it is taken", () => {
    const lazy = "export const a = () => 1\nexport const b = () => 2\nexport const c = () => 3\n"
    const taken = (expression: string) =>
      sources({ "lazy.ts": lazy, "node.ts": `export const node = { async *run() { ${expression} } }\n` })
        .reached()["lazy.ts"]
    expect(taken(`const { a } = await import("./lazy.ts"); return a()`)).toEqual(["a()"])
    expect(taken(`return (await import("./lazy.ts")).b()`)).toEqual(["b()"])
    expect(taken(`const { a, c } = yield* Effect.promise(() => import("./lazy.ts")); return a`)).toEqual(["a()", "c()"])
    expect(taken(`const all = await import("./lazy.ts"); return all.a()`)).toEqual(["a()", "b()", "c()"])
    expect(taken(`const { a, ...rest } = await import("./lazy.ts"); return a`)).toEqual(["a()", "b()", "c()"])
    expect(taken(`return import("./lazy.ts").then((all) => all.a())`)).toEqual(["a()", "b()", "c()"])
  })

  it("into JSON, whose layout does not count, and files beside the module", () => {
    const project = sources({
      "node.ts": `import table from "./table.json" with { type: "json" }
import { join } from "node:path"
export const node = { run: () => [table, new URL("./words.txt", import.meta.url), join(import.meta.dirname, "deep/x.bin"),
  import.meta.resolve("./other.txt")] }
`,
      "table.json": `{"a": 1}`,
      "words.txt": "a b"
    })
    expect(project.reached()).toEqual({
      "deep/x.bin": "content",
      "node.ts": ["node"],
      "other.txt": "content",
      "table.json": "content",
      "words.txt": "content"
    })
    expect(project.changes({ "table.json": `{\n  "a": 1\n}\n` })).toEqual([])
    expect(project.changes({ "table.json": `{"a": 2}` })).toEqual(["table.json"])
    expect(project.changes({ "words.txt": "a  b" })).toEqual(["words.txt"])
    expect(project.changes({ "deep/x.bin": "1" })).toEqual(["deep/x.bin"])
  })

  it("into what loading a module does, and nothing else of it", () => {
    const project = sources({
      "node.ts":
        `import { settings } from "./settings.ts"\nimport "./setup.ts"\nexport const node = { run: () => settings.a }\n`,
      "settings.ts": "export const settings = { a: 1 }\nexport const others = { b: 1 }\n",
      "setup.ts": `import { settings } from "./settings.ts"\nsettings.a = 2\nexport const quiet = () => 1\n`
    })
    expect(project.reached()).toEqual({
      "node.ts": ["node"],
      "settings.ts": ["settings"],
      "setup.ts": ["settings.a = …"]
    })
    expect(project.changes({ "setup.ts": `import { settings } from "./settings.ts"\nsettings.a = 3\n` })).toEqual([
      "settings.a = … in setup.ts"
    ])
  })

  it("into CommonJS, which counts as a whole", () => {
    const project = sources({
      "node.ts": `import { f } from "./old.cjs"\nexport const node = { run: f }\n`,
      "old.cjs": `const { g } = require("./older.cjs")\nmodule.exports = { f: () => g() }\n`,
      "older.cjs": "exports.g = () => 1\n"
    })
    expect(project.reached()).toEqual({
      "node.ts": ["node"],
      "old.cjs": ["g", "module.exports = …"],
      "older.cjs": ["exports.g = …"]
    })
  })

  it("through a factory of another module, with what it is called with", () => {
    const project = sources({
      "node.ts":
        `import { scaled } from "./factory.ts"\nexport const node = scaled(2)\nexport const other = scaled(3)\n`,
      "factory.ts": "export const scaled = (factor: number) => ({ run: (x: number) => x * factor })\n"
    })
    expect(
      project.changes({
        "factory.ts": "export const scaled = (factor: number) => ({ run: (x: number) => x + factor })\n"
      })
    )
      .toEqual(["scaled() in factory.ts"])
    expect(project.changes({ "node.ts": `import { scaled } from "./factory.ts"\nexport const node = scaled(4)\n` }))
      .toContain("node in node.ts")
  })

  it("of two nodes that one pattern declares each has its own", () => {
    const text = "export const [node, other] = [1, 2].map((k) => ({ run: () => k }))\n"
    const project = sources({ "node.ts": text, "b.ts": text.replace("node, other", "other, node") })
    const renamed = sources({ "node.ts": text.replace("[1, 2]", "[ 1,2 ]") })
    expect(renamed.code().digest).toBe(project.code().digest)
    expect(project.code("b.ts").digest).not.toBe(project.code().digest)
  })
})

describe("packages count by their version", () => {
  const installed = (name: string, version: string, more: object = {}) => ({
    [`node_modules/${name}/package.json`]: JSON.stringify({ name, version, ...more })
  })
  const using = (specifier: string) => `import { f } from "${specifier}"\nexport const node = { run: () => f() }\n`

  it("also by a path in them, and only where they are used", () => {
    const project = sources({
      ...installed("@scope/a", "1.0.0"),
      ...installed("b", "2.0.0"),
      "node.ts": `import { g } from "b"\n${using("@scope/a/deep/file.js")}export const other = { run: () => g() }\n`
    })
    expect(project.code().packages).toEqual({ "@scope/a": "1.0.0" })
  })

  it("a linked one and the project itself by their code", () => {
    const project = sources({
      "package.json": JSON.stringify({ name: "project", type: "module", exports: { "./own": "./own.ts" } }),
      "packages/lib/package.json": JSON.stringify({
        name: "lib",
        version: "1.0.0",
        type: "module",
        exports: { ".": { types: "./lib.d.ts", import: "./src/lib.ts" }, "./x/*": "./src/*.ts" }
      }),
      "packages/lib/src/lib.ts": "export const f = () => 1\nexport const g = () => 2\n",
      "packages/lib/src/deep.ts": "export const h = () => 3\n",
      "own.ts": "export const own = () => 4\n",
      "node.ts": `import { f } from "lib"\nimport { h } from "lib/x/deep"\nimport { own } from "project/own"\n`
        + "export const node = { run: () => f() + h() + own() }\n"
    })
    project.link("packages/lib", "node_modules/lib")
    expect(project.code().packages).toEqual({})
    expect(project.reached()).toEqual({
      "node.ts": ["node"],
      "own.ts": ["own()"],
      "packages/lib/src/deep.ts": ["h()"],
      "packages/lib/src/lib.ts": ["f()"]
    })
    expect(project.changes({ "packages/lib/src/lib.ts": "export const f = () => 10\nexport const g = () => 2\n" }))
      .toEqual(["f() in packages/lib/src/lib.ts"])
  })

  it("names that start with # lead where package.json says", () => {
    const project = sources({
      "package.json": JSON.stringify({
        type: "module",
        imports: {
          "#helper": "./inner/helper.ts",
          "#all/*": "./inner/*.ts",
          "#out": { browser: "./no.ts", default: "b" }
        }
      }),
      ...installed("b", "2.0.0"),
      "inner/helper.ts": "export const f = () => 1\n",
      "inner/two.ts": "export const g = () => 2\n",
      "node.ts": `import { f } from "#helper"\nimport { g } from "#all/two"\nimport { b } from "#out"\n`
        + "export const node = { run: () => f() + g() + b }\n"
    })
    expect(project.reached()).toEqual({ "inner/helper.ts": ["f()"], "inner/two.ts": ["g()"], "node.ts": ["node"] })
    expect(project.code().packages).toEqual({ b: "2.0.0" })
  })

  it("one that the code can do without is absent until it is installed", () => {
    const project = sources({
      "node.ts": `export const node = { run: async () => { try { return await import("fast") } catch { return 1 } } }\n`
    })
    expect(project.code().packages).toEqual({ fast: "absent" })
    expect(project.code().files).toContain(`${project.root}/node_modules/fast/package.json`)
    project.write(installed("fast", "1.0.0"))
    expect(project.code().packages).toEqual({ fast: "1.0.0" })
  })

  it("two versions of one package are both named", () => {
    const project = sources({
      ...installed("a", "1.0.0"),
      "inner/package.json": "{}",
      "inner/node_modules/a/package.json": JSON.stringify({ name: "a", version: "2.0.0" }),
      "inner/x.ts": `import { f } from "a"\nexport const g = () => f()\n`,
      "node.ts":
        `import { f } from "a"\nimport { g } from "./inner/x.ts"\nexport const node = { run: () => f() + g() }\n`
    })
    expect(project.code().packages).toEqual({ a: "1.0.0, 2.0.0" })
  })

  it("what cannot be found is named with what to do", () => {
    const told = (specifier: string, more: Files = {}) => sources({ ...more, "node.ts": using(specifier) }).refusal()
    expect(told("nowhere")).toContain(`node.ts:2 imports "nowhere", and the package "nowhere" is not installed`)
    expect(told("./gone.ts")).toContain(`node.ts:1 cannot be followed: it imports "./gone.ts", which does not exist`)
    expect(told("#gone")).toContain(`node.ts:1 imports "#gone", which the "imports" of package.json do not have`)
    expect(told("https://example.com/x.js")).toContain(`imports "https://example.com/x.js", which cannot be followed`)
    expect(told("@/x", { "tsconfig.json": `{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }` }))
      .toContain("which only the paths of tsconfig.json know")
    expect(sources({ "node.ts": "export const node = {\n" }).refusal()).toContain("node.ts cannot be followed (")
  })
})
