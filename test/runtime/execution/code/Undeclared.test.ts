import { describe, expect, it } from "@effect/vitest"
import { type Files, sources } from "./sources.ts"

const installed = { "node_modules/effect/package.json": `{ "name": "effect", "version": "4.0.0" }` }
const told = (text: string, more: Files = {}) => sources({ ...installed, ...more, "node.ts": text }).refusal()
const inRun = (expression: string, before = "") => `${before}export const node = {\n  run: () => ${expression}\n}\n`

describe("refused, with the line and what to do", () => {
  it("createRequire, which reads files by names that nobody follows", () => {
    const text = `import { createRequire } from "node:module"\nconst load = createRequire(import.meta.url)\n`
      + `export const node = { run: () => load("./x.json").a }\n`
    expect(told(text)).toContain("node.ts:2 reads files through createRequire")
  })

  it.each([
    ["process.env.HOME", "reads process.env.HOME,", `env: ["HOME"]`],
    [`process.env["HOME"]`, "reads process.env.HOME,", `env: ["HOME"]`],
    ["process.env", "reads process.env,", `env: ["NAME"]`],
    ["Object.keys(process.env)", "reads process.env,", "env:"],
    ["globalThis.process.env.HOME", "reads process.env.HOME,", "env:"],
    ["(({ env }) => env)(process)", "reads process as a whole,", "env:"],
    ["process[name]", "reads process as a whole,", "env:"],
    ["((g) => g.process.env.HOME)(globalThis)", "reads globalThis as a whole,", "Write out"],
    [`globalThis["proc" + "ess"].env.HOME`, "reads globalThis as a whole,", "Write out"],
    ["global[name].env", "reads global as a whole,", "Write out"],
    ["process.argv[2]", "reads process.argv,", "config field"],
    ["process.cwd()", "reads process.cwd,", "config field"],
    [`readFileSync("data/x.txt", "utf8")`, `reads the file "data/x.txt",`, "InputFile"],
    ["fs.readFileString(`data/x.txt`)", `reads the file "data/x.txt",`, "InputFile"]
  ])("%s", (expression, problem, remedy) => {
    const refusal = told(inRun(expression))
    expect(refusal).toContain(`node.ts:2 ${problem}`)
    expect(refusal).toContain(remedy)
    expect(refusal).toContain("gemflow: outside-key REASON")
  })

  it.each([
    [`import { env } from "node:process"`, "env.HOME", "reads process.env.HOME"],
    [`import proc from "process"`, "proc.env.HOME", "reads process.env.HOME"],
    [`import * as proc from "node:process"`, "proc.env", "reads process.env"],
    [`import { Config } from "effect"`, `Config.String("HOME")`, "with Effect's Config"],
    [`import * as Config from "effect/Config"`, `Config.String("HOME")`, "with Effect's Config"],
    [`import { homedir } from "node:os"\nconst home = homedir()`, "home", "takes os.homedir when the module is loaded"],
    ["const startedAt = Date.now()", "startedAt", "takes Date.now when the module is loaded"],
    ["const startedAt = new Date()", "startedAt", "takes the time when the module is loaded"],
    ["const seed = Math.random()", "seed", "takes Math.random when the module is loaded"],
    ["const seed = () => Math.random()\nconst drawn = seed()", "drawn", "takes Math.random when the module is loaded"],
    ["class A { static at = performance.now() }", "A.at", "takes performance.now when the module is loaded"],
    ["const at = (() => Date.now())()", "at", "takes Date.now when the module is loaded"]
  ])("%s; %s", (before, expression, problem) => {
    expect(told(inRun(expression, `${before}\n`))).toContain(problem)
  })

  it("also in a helper, with the helper's place", () => {
    expect(told(`import { f } from "./helper.ts"\nexport const node = { run: f }\n`, {
      "helper.ts": "// one\n// two\nexport const f = () => process.env.HOME\n"
    })).toContain("helper.ts:3 reads process.env.HOME")
  })

  it("a variable that code outside of the node's sets", () => {
    const settable = (set: string) =>
      told(`let factor = 1\nconst options = { a: 1 }\n${set}\n${inRun("factor * options.a")}`)
    expect(settable("export const setFactor = (x: number) => { factor = x }")).toContain(
      "node.ts:3 assigns to factor, which the node's code reads, in setFactor(), which it does not run"
    )
    expect(settable("export const set = (x: number) => { options.a = x }")).toContain("assigns to options.a")
    expect(settable("export const set = (x: number) => { [factor] = [x] }")).toContain("assigns to factor")
    expect(settable("export const set = (x: number) => { ({ a: factor } = { a: x }) }")).toContain("assigns to factor")
    expect(settable("export const set = (factor: number) => { factor = 2; let options = { a: 1 }; options.a = 2 }"))
      .toBe("nothing")
  })
})

describe("not refused", () => {
  it.each([
    ["what cannot change a result", inRun("[process.platform, process.memoryUsage(), Date.now(), Math.random()]")],
    ["a variable that is called process", inRun("((process) => process.env)({ env: 1 })")],
    ["a property that is called process", inRun("({ process: 1 }).process")],
    [
      "an object that will ask for the time",
      inRun("clock.now()", "class Clock { now() { return Date.now() } }\nconst clock = new Clock()\n")
    ],
    ["a date that is written out", inRun("at", `const at = new Date("2024-07-26")\n`)],
    [
      "a cache that the node's own code fills",
      inRun("cached()", "let cache: number | undefined\nconst cached = () => cache ??= 1\n")
    ],
    [
      "a file that the config names",
      `import { readFileSync } from "node:fs"\nexport const node = { run: (config) => readFileSync(config.path) }\n`
    ],
    ["what no code of the node reaches", `export const other = () => process.env.HOME\n${inRun("1")}`],
    ["a line that says why", inRun("process.env.HOME // gemflow: outside-key names a cache folder")]
  ])("%s", (_, text) => {
    expect(told(text)).toBe("nothing")
  })

  it("the arguments of a program of its own, which the node's code gives it", () => {
    const program = (text: string) =>
      told(inRun(`spawn(process.execPath, [fileURLToPath(new URL("./program.ts", import.meta.url)), "1"])`), {
        "program.ts": text
      })
    expect(program("console.log(process.argv[2])\n")).toBe("nothing")
    expect(program("console.log(process.env.HOME)\n")).toContain("program.ts:1 reads process.env.HOME")
  })

  it("needs a reason to be given", () => {
    expect(told(inRun("process.env.HOME // gemflow: outside-key"))).toContain("reads process.env.HOME")
    expect(told(`export const node = {\n  // gemflow: outside-key a folder\n  run: () => process.env.HOME\n}\n`)).toBe(
      "nothing"
    )
  })

  it("code of packages", () => {
    expect(
      sources({
        "node_modules/nodes/package.json": `{ "name": "nodes", "version": "1.0.0", "type": "module" }`,
        "node_modules/nodes/node.js": inRun("process.env.HOME")
      }).refusal("node_modules/nodes/node.js")
    ).toBe("nothing")
  })
})
