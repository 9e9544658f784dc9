import { describe, expect, it } from "@effect/vitest"
import { type ChildProcess, spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { eventsOf, statusesOf, temporaryProject } from "./TemporaryProject.ts"

const all = (status: string) => ({
  numbers: status,
  scale: status,
  sign: status,
  trouble: status,
  total: status
})

/** Waits until the run has come to the node that waits. */
const progressOf = (child: ChildProcess) =>
  new Promise<void>((resolve) => {
    child.stdout?.on("data", (text: string) => text.includes("NodeProgress") && resolve())
  })

describe("gemflow run", () => {
  it("re-executes what an edit reaches, and nothing else", async () => {
    const project = temporaryProject()
    const run = async (...args: ReadonlyArray<string>) =>
      (await project.gemflow("run", "numbers.ts", "--json", ...args)).statuses()
    expect(await run()).toEqual(all("executed"))
    expect(existsSync(join(project.root, ".gemflow", "catalog.sqlite"))).toBe(true)

    project.edit("nodes/formula.ts", "/** What `scale` computes. */", "// Another comment.\n")
    project.edit("nodes/Scale.ts", "run: ({ config, inputs }) =>", "// Runs.\n  run: ( {config,  inputs} ) =>")
    expect(await run()).toEqual(all("cached"))

    // Other code with the same result: the node runs, what reads it does not.
    project.edit("nodes/formula.ts", "value * factor", "factor * value")
    expect(await run()).toEqual({ ...all("cached"), scale: "executed" })

    // Another result, but the same signs: `trouble`, which reads these, is cut off.
    project.edit("nodes/formula.ts", "factor * value", "factor * value + 1")
    expect(await run()).toEqual({ ...all("executed"), numbers: "cached", trouble: "cached" })
  })

  it("prints events by the contract", async () => {
    const project = temporaryProject()
    const cold = await project.inProcess("run", "numbers.ts", "--json")
    expect(cold.code).toBe(0)
    const last = eventsOf(cold).at(-1)
    expect(last).toEqual({
      type: "RunFinished",
      run: expect.stringMatching(/^\d{8}-\d{6}-[0-9a-f]{4}$/),
      executed: 5,
      cached: 0,
      failed: 0,
      durationMs: expect.any(Number)
    })
    const scale = eventsOf(cold).find(({ node, type }) => type === "NodeFinished" && node === "scale")
    expect(scale).toEqual({
      type: "NodeFinished",
      node: "scale",
      kind: "scale",
      status: "executed",
      key: expect.stringMatching(/^[0-9a-f]{64}$/),
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      rows: 4,
      durationMs: expect.any(Number),
      reasons: ["never-run"],
      details: ["never-run"]
    })
    const set = await project.inProcess("run", "numbers.ts", "--json", "--set", "scale.factor=-1", "--select", "sign")
    expect(statusesOf(eventsOf(set))).toEqual({ numbers: "cached", scale: "executed", sign: "executed" })
    expect(eventsOf(set).find(({ node, type }) => type === "NodeFinished" && node === "scale"))
      .toMatchObject({ reasons: ["config"], details: ["config: factor 2 -> -1"] })
  })

  it("prints the result as a table, the same when all is cached", async () => {
    const project = temporaryProject()
    const cold = await project.inProcess("run", "numbers.ts")
    const warm = await project.inProcess("run", "numbers.ts")
    expect(cold.out).toBe(`
label                  total  count
scaled  20.00 [19.50, 20.50]      4
signs      4.00 [3.50, 4.50]      4
`)
    expect(warm.out).toBe(cold.out)
    expect(cold.err).toContain("5 executed, 0 cached")
    expect(warm.err).toContain("0 executed, 5 cached")
  })

  it("loads neither Arrow nor a parser nor onnxruntime when all is cached", async () => {
    const project = temporaryProject()
    await project.gemflow("run", "numbers.ts")
    project.write(
      "list.mjs",
      `
      import { registerHooks } from "node:module"
      import { writeFileSync } from "node:fs"
      const found = new Set()
      registerHooks({
        resolve: (specifier, context, next) => {
          const resolved = next(specifier, context)
          found.add(resolved.url)
          return resolved
        }
      })
      process.on("exit", () => writeFileSync("loaded.txt", [...found].join("\\n")))
      process.argv = [process.argv[0], "gemflow", "run", "numbers.ts"]
      await import("./node_modules/gemflow/bin/gemflow.mjs")
    `
    )
    spawnSync(process.execPath, ["list.mjs"], { cwd: project.root })
    const loaded = readFileSync(join(project.root, "loaded.txt"), "utf8")
    expect(loaded).toContain("runtime/execution/Executor.ts")
    for (const heavy of ["apache-arrow", "node_modules/acorn", "onnxruntime", "tokenizers", "@bufbuild"]) {
      expect(loaded).not.toContain(heavy)
    }
  })

  it("keeps results where --store says", async () => {
    const project = temporaryProject()
    expect((await project.inProcess("run", "numbers.ts", "--store", "elsewhere")).code).toBe(0)
    expect(existsSync(join(project.root, ".gemflow"))).toBe(false)
    expect(readdirSync(join(project.root, "elsewhere"))).toContain("catalog.sqlite")
  })

  it("completes after it was killed, with what was finished before", async () => {
    const project = temporaryProject()
    const { child, finished } = project.start("run", "numbers.ts", "--json", "--set", "trouble.mode=wait")
    await progressOf(child)
    child.kill("SIGKILL")
    expect((await finished).code).toBe(null)
    expect((await project.gemflow("runs")).out).toContain("killed")
    const again = await project.gemflow("run", "numbers.ts", "--json")
    expect(again.statuses()).toEqual({ ...all("cached"), trouble: "executed", total: "executed" })
  })

  it("ends cleanly on Ctrl-C", async () => {
    const project = temporaryProject()
    const { child, finished } = project.start("run", "numbers.ts", "--json", "--set", "trouble.mode=wait")
    await progressOf(child)
    child.kill("SIGINT")
    const { code, events } = await finished
    expect(code).toBe(130)
    expect(events().slice(-2).map(({ type }) => type)).toEqual(["RunInterrupted", "RunFinished"])
    expect((await project.gemflow("runs", "--json")).out).toContain(`"status": "interrupted"`)
  })
})
