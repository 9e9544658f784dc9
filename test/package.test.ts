/**
 * What `npm i gemflow` gives a user, from a packed tarball in an empty folder: the starting project runs, a node of one's own
 * is typed, and a wrong wiring is a compile error. The dependencies are those of this checkout, linked, so that no registry
 * is asked.
 */
import { beforeAll, describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

const repository = dirname(import.meta.dirname)

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

const run = (folder: string, program: string, ...args: ReadonlyArray<string>): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: "1", NODE_OPTIONS: "" }
    execFile(program, args, { cwd: folder, env, maxBuffer: 2 ** 26 }, (error, out, err) => {
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : 1, out, err })
    })
  })

const node = (folder: string, ...args: ReadonlyArray<string>) => run(folder, process.execPath, ...args)

/** Builds and packs as `npm run package` does, but leaves the checkout as it is. */
const pack = async (): Promise<string> => {
  const stage = mkdtempSync(join(tmpdir(), "gemflow-pack-"))
  const manifest: { readonly files: ReadonlyArray<string> } = JSON.parse(
    readFileSync(join(repository, "package.json"), "utf8")
  )
  for (const file of ["package.json", "README.md", "LICENSE", ...manifest.files.filter((file) => file !== "dist")]) {
    cpSync(join(repository, file), join(stage, file), { recursive: true })
  }
  const tsc = join(repository, "node_modules", "typescript", "bin", "tsc")
  const built = await node(repository, tsc, "-p", "tsconfig.build.json", "--outDir", join(stage, "dist"))
  if (!existsSync(join(stage, "dist", "runtime", "cli", "main.js"))) throw new Error(built.out)
  const packed = await run(stage, "npm", "pack", "--ignore-scripts", "--loglevel=error")
  if (packed.code !== 0) throw new Error(packed.err)
  return join(stage, packed.out.trim().split("\n").at(-1) ?? "")
}

describe("the package", () => {
  const project = mkdtempSync(join(tmpdir(), "gemflow-user-"))
  const modules = join(project, "node_modules")
  const installed = join(modules, "gemflow")
  const gemflow = (...args: ReadonlyArray<string>) => node(project, join(installed, "bin", "gemflow.mjs"), ...args)
  const tsc = () => node(project, join(modules, "typescript", "bin", "tsc"), "--pretty", "false")

  beforeAll(async () => {
    const tarball = await pack()
    mkdirSync(installed, { recursive: true })
    await run(project, "tar", "-xzf", tarball, "-C", installed, "--strip-components=1")
    for (const name of readdirSync(join(repository, "node_modules"))) {
      if (!name.startsWith(".") && name !== "gemflow") {
        symlinkSync(join(repository, "node_modules", name), join(modules, name), "dir")
      }
    }
  })

  it("holds what runs, and no tests", () => {
    expect(existsSync(join(installed, "dist", "runtime", "index.d.ts"))).toBe(true)
    expect(readdirSync(installed).toSorted()).toEqual(
      ["LICENSE", "README.md", "bin", "dist", "docs", "package.json", "pipelines", "templates"]
    )
  })

  it("starts a project that runs, and overwrites nothing", async () => {
    const started = await gemflow("init")
    expect(started.code).toBe(0)
    expect(started.out).toContain("npx gemflow run pipeline.ts")
    expect(JSON.parse(readFileSync(join(project, "package.json"), "utf8")).dependencies).toMatchObject({
      gemflow: JSON.parse(readFileSync(join(repository, "package.json"), "utf8")).version
    })
    const first = await gemflow("run", "pipeline.ts")
    expect(first.err).toContain("3 executed, 0 cached")
    expect(first.out).toMatch(/pair id +longer by\n(\S+ +-?\d+\n){3}/)
    expect(first.code).toBe(0)
    expect((await gemflow("plan", "pipeline.ts", "--set", "length-bias.unit=characters")).out).toContain(
      "config: unit words -> characters"
    )
    const again = await gemflow("init")
    expect(again.code).toBe(2)
    expect(again.err).toContain("pipeline.ts")
    expect(again.err).toContain("overwrites nothing")
  })

  it("types a user's node and its wiring", async () => {
    const node = readFileSync(join(project, "nodes", "LengthBias.ts"), "utf8")
    expect(node.slice(node.indexOf("export const")).trimEnd().split("\n").length).toBeLessThan(12)
    expect(await tsc()).toMatchObject({ code: 0, out: "" })
    writeFileSync(
      join(project, "wrong.ts"),
      `import { grid, pipeline, vary } from "gemflow"
import { PreferencePairs, Split } from "gemflow/nodes"
import { LengthBias } from "./nodes/LengthBias.ts"
const base = pipeline("wrong", () => {
  const pairs = PreferencePairs({ path: "pairs.jsonl" })
  const bias = LengthBias({ unit: "lines" }, { pairs })
  Split({ part: "train" }, { pairs: bias })
})
export default grid(base, { unit: vary(LengthBias, "units", ["words"]) })
`
    )
    const { code, out } = await tsc()
    expect(code).not.toBe(0)
    const complaints = out.split("\n").filter((line) => line.startsWith("wrong.ts"))
    expect(complaints).toEqual([
      expect.stringMatching(/^wrong\.ts\(6,29\): .*'"lines"' is not assignable to type '"characters" \| "words"'/),
      expect.stringMatching(/^wrong\.ts\(7,30\): .*This table has no column prompt_id, which this input needs/),
      expect.stringMatching(/^wrong\.ts\(9,52\): .*'"units"' is not assignable to parameter of type '"unit"'/)
    ])
  })
})
