import { describe, expect, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))))

/** Looks at the surroundings that make a run depend on more than its files, each in the way that a module might. */
const impure = {
  clock: "export const now = Date.now()",
  "clock by a constructor": "export const now = new Date()",
  "clock by generated code": "export const now = new Function('return Date.now()')()",
  "clock by the global object": "export const now = globalThis['Da' + 'te'].now()",
  "clock in a callback": "export const now = [1].map(() => performance.now())",
  "clock by effect":
    "import { Clock, Effect } from 'effect'\nexport const now = Effect.runSync(Clock.currentTimeMillis)",
  "clock by effect, later":
    "import { Clock, Effect } from 'effect'\nexport const now = await Effect.runPromise(Effect.andThen(Effect.sleep(1), Clock.currentTimeMillis))",
  "randomness": "export const x = Math.random()",
  "randomness by another name": "const { random } = Math\nexport const x = random()",
  "randomness of a built-in module": "import { randomUUID } from 'node:crypto'\nexport const x = randomUUID()",
  "randomness of the web":
    "import { webcrypto } from 'node:crypto'\nexport const x = webcrypto.getRandomValues(new Uint8Array(1))",
  "randomness of a package": "import { dice } from 'dice'\nexport const x = dice()",
  "the process": "export const id = process.pid",
  "the process by import": "import process from 'node:process'\nexport const id = process.pid",
  "all of the environment": "export const all = { ...process.env }",
  "a listing": "import { readdirSync } from 'node:fs'\nexport const all = readdirSync('.')",
  "a file by a stream": "import * as fs from 'fs'\nexport const s = fs.createReadStream(import.meta.filename)",
  "a file by gemflow's store":
    "import { ArtifactStore } from 'gemflow/artifacts'\nimport { Effect } from 'effect'\nconst has = Effect.gen(function*() { return yield* (yield* ArtifactStore).has('0'.repeat(64)) })\nexport const x = await Effect.runPromise(Effect.provide(has, ArtifactStore.layer('store')))",
  "the machine": "import { hostname } from 'node:os'\nexport const name = hostname()",
  "a program": "import { execSync } from 'node:child_process'\nexport const x = execSync('echo').toString()",
  "the network": "export const x = fetch('http://127.0.0.1:1').catch(() => undefined)",
  "a timer": "await new Promise((resolve) => setTimeout(resolve, 1))",
  "what is printed": "console.log('')",
  "the locale": "export const x = new Intl.NumberFormat().format(1)",
  "an alias": "import x from '#alias'\nexport const y = x",
  "the module loader": "import { createRequire } from 'node:module'\nexport const x = createRequire(import.meta.url)",
  "the inside of gemflow": `import { newRunId } from ${
    JSON.stringify(join(root, "runtime/execution/RunId.ts"))
  }\nexport const x = newRunId(0)`,
  "a change of the environment": "process.env.X = '1'"
}

/** Depends on files and named variables alone. */
const pure = {
  "imports and constants":
    "import { join } from 'node:path'\nexport const x = join('a', new URL('b', import.meta.url).pathname)",
  "impurity put off":
    "import * as fs from 'node:fs'\nimport { randomUUID } from 'node:crypto'\nexport const run = () => [Date.now(), fs.readdirSync('.'), randomUUID(), process.pid]",
  "a variable": "export const x = process.env.SOME_VARIABLE",
  "a file, whole":
    "import { readFileSync } from 'node:fs'\nexport const x = readFileSync(new URL('data.json', import.meta.url))",
  "a node": `import { Node } from 'gemflow'
import { Column, TableType } from 'gemflow/artifacts'
import { Schema } from 'effect'
const T = TableType.make('T', { x: Column.float64({ doc: 'x' }) })
export const N = Node.make('n', { module: import.meta.url, config: Schema.Struct({ a: Schema.Number }), inputs: {}, output: T, determinism: 'exact', run: () => { throw new Error() } })`
}

const watch = (): Record<
  string,
  {
    problem: string | null
    environment: ReadonlyArray<string>
    files: ReadonlyArray<string>
    left: ReadonlyArray<string>
  }
> => {
  const folder = mkdtempSync(join(tmpdir(), "gemflow-surroundings-"))
  mkdirSync(join(folder, "node_modules", "dice"), { recursive: true })
  symlinkSync(root, join(folder, "node_modules", "gemflow"), "dir")
  symlinkSync(join(root, "node_modules", "effect"), join(folder, "node_modules", "effect"), "dir")
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", imports: { "#alias": "./alias.mjs" } }))
  writeFileSync(join(folder, "alias.mjs"), "export default 1")
  writeFileSync(join(folder, "data.json"), "{}")
  writeFileSync(
    join(folder, "node_modules", "dice", "package.json"),
    JSON.stringify({ name: "dice", main: "dice.cjs" })
  )
  writeFileSync(join(folder, "node_modules", "dice", "dice.cjs"), "exports.dice = () => Math.random()")
  const named = Object.entries({ ...impure, ...pure }).map(([name, text]) => {
    const file = join(folder, `${name.replaceAll(/\W/g, "-")}.mjs`)
    writeFileSync(file, text)
    return [name, file] as const
  })
  const out = execFileSync(
    process.execPath,
    ["--conditions=gemflow-source", "--no-warnings", join(root, "test/runtime/start/watchSnippets.ts"), root]
      .concat(named.map(([, file]) => file)),
    { encoding: "utf8", cwd: folder }
  )
  const found = JSON.parse(out.trim())
  return Object.fromEntries(named.map(([name, file]) => [name, found[file]]))
}

describe("what a pipeline sees while it is loaded", () => {
  const found = watch()

  it.each(Object.keys(impure))("%s stands in the way of a certificate", (name) => {
    expect(found[name]?.problem).not.toBeNull()
  })

  it.each(Object.keys(pure))("%s does not", (name) => {
    expect(found[name]?.problem).toBeNull()
  })

  it("is noted where it can be looked at again", () => {
    expect(found["a variable"]?.environment).toContain("SOME_VARIABLE")
    expect(found["a file, whole"]?.files.some((file) => file.endsWith("data.json"))).toBe(true)
  })

  it("is put back as it was", () => {
    expect(Object.entries(found).filter(([, { left }]) => left.length > 0).map(([name, { left }]) => [name, left]))
      .toEqual([])
  })
})
