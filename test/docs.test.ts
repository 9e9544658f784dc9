/**
 * What docs/defining.md and docs/ablations.md say is so: their TypeScript compiles and is what `gemflow init` writes, their
 * commands run in a new project, and print what they are said to print.
 */
import { describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { runInProcess } from "./runtime/cli/TemporaryProject.ts"

const repository = dirname(import.meta.dirname)
const project = mkdtempSync(join(tmpdir(), "gemflow-docs-"))

interface Block {
  readonly language: string
  readonly text: string
}

const blocks = (page: string): ReadonlyArray<Block> =>
  [...readFileSync(join(repository, "docs", page), "utf8").matchAll(/```(\w+)\n([^]*?)```/g)]
    .map(([, language = "", text = ""]) => ({ language, text }))

const node = (...args: ReadonlyArray<string>): Promise<{ readonly code: number; readonly out: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: project, env: { ...process.env, NO_COLOR: "1" } }, (error, out) => {
      resolve({ code: error === null ? 0 : 1, out })
    })
  })

const gemflow = (...args: ReadonlyArray<string>) => runInProcess(project, args)

const exactly = (text: string): RegExp => new RegExp(`^${text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")}$`)

const pages = ["defining.md", "ablations.md"].map((page) => ({ page, blocks: blocks(page) }))

describe("the pages on defining and comparing", () => {
  it("have TypeScript that compiles, as far as it is whole", async () => {
    mkdirSync(join(project, "node_modules"))
    for (const name of ["effect", "typescript", "@types"]) {
      symlinkSync(join(repository, "node_modules", name), join(project, "node_modules", name), "dir")
    }
    symlinkSync(repository, join(project, "node_modules", "gemflow"), "dir")
    await gemflow("init")

    const sources = pages.flatMap(({ blocks }) => blocks.filter(({ language }) => language === "ts"))
    expect(sources.length).toBeGreaterThan(4)
    const files = sources.map(({ text }, index) => {
      const named = /^\/\/ (\S+)\n/.exec(text)
      return { file: named?.[1] ?? `example-${index}.ts`, source: text.slice(named?.[0].length ?? 0) }
    })
    const written = files.filter(({ file }) => existsSync(join(project, file)))
    expect(written.map(({ file }) => file)).toEqual(["pipeline.ts", "nodes/LengthBias.ts"])
    for (const { file, source } of written) expect(source).toBe(readFileSync(join(project, file), "utf8"))
    for (const { file, source } of files) writeFileSync(join(project, file), source)
    const tsc = join(project, "node_modules", "typescript", "bin", "tsc")
    const compiled = await node(tsc, "--pretty", "false", "--customConditions", "gemflow-source")
    // gemflow's own sources are checked elsewhere, with options of their own.
    expect(compiled.out.split("\n").filter((line) => /^(example|grid|pipeline|nodes)/.test(line))).toEqual([])
  })

  for (const { blocks, page } of pages) {
    const commands = blocks.flatMap(({ language, text }, index) => {
      const lines = language === "sh" ? text.trim().split("\n") : []
      const next = blocks[index + 1]
      const said = lines.length === 1 && next?.language === "text" ? next.text : undefined
      return lines.map((line) => ({ line, said }))
    })
    for (const { line, said } of commands) {
      // A project is there already; and GEM itself takes minutes.
      if (line.endsWith("gemflow init") || line.includes("pipelines/gem.ts")) continue
      it(`${page} runs: ${line}`, async () => {
        const args = (line.split(" > ")[0] ?? "").replace("npx gemflow ", "").split(" ")
        const { code, out } = await gemflow(...args)
        expect(code).toBe(0)
        expect(out).toMatch(said === undefined ? /\S/ : exactly(said))
      })
    }
  }

  it("have examples of variants and scopes that can be planned", async () => {
    const { out } = await gemflow("plan", "example-2.ts")
    expect(out).toContain("inner/length-bias")
    expect((await gemflow("run", "example-3.ts")).code).toBe(0)
  })
})
