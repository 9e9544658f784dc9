/**
 * Against a model: whatever was edited, a run says what recomputing everything would say, and one after nothing is fast.
 * Which runs were fast GEMFLOW_DEBUG=1 tells.
 */
import { describe, expect, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync
} from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { temporaryProject } from "../cli/TemporaryProject.ts"

const command = fileURLToPath(new URL("../../../bin/gemflow.mjs", import.meta.url))

const pipelineFile = `import { pipeline } from "gemflow"
import { readFileSync } from "node:fs"
import { weight } from "weights"
import { Lines } from "./nodes/Lines.ts"
import { Scale } from "./nodes/Scale.ts"
import { Total } from "./nodes/Total.ts"

const { offset } = JSON.parse(readFileSync(new URL("settings.json", import.meta.url), "utf8"))
const factor = Number(process.env.FACTOR ?? 2) * weight + offset

export default pipeline("sum", () => {
  const lines = Lines({ path: "lines.txt" })
  return Total({ labels: ["sum"] }, { tables: [Scale({ factor }, { numbers: lines })] })
})
`

interface Run {
  readonly total: number
  readonly isFast: boolean
  /** Lines about nodes and their number, without what differs from run to run. */
  readonly nodes: ReadonlyArray<string>
}

/** A project that sums its lines times a factor, and what the sum has to be. */
const summing = () => {
  const project = temporaryProject()
  const model = { lines: [1, 2, 3], factor: 2, weight: 1, offset: 0, formula: 1 }
  const environment: Record<string, string> = {}
  const store = join(project.root, ".gemflow")
  const write = {
    lines: () => project.write("lines.txt", `${model.lines.join("\n")}\n`),
    settings: () => project.write("settings.json", JSON.stringify({ offset: model.offset })),
    weight: () => project.write("node_modules/weights/index.js", `export const weight = ${model.weight}`),
    formula: () =>
      project.write("nodes/formula.ts", `export const formula = (a: number, b: number) => a * b * ${model.formula}`)
  }
  mkdirSync(join(project.root, "node_modules", "weights"))
  project.write(
    "node_modules/weights/package.json",
    JSON.stringify({ name: "weights", type: "module", main: "index.js" })
  )
  project.write("sum.ts", pipelineFile)
  Object.values(write).forEach((each) => each())

  const run = (...args: ReadonlyArray<string>) =>
    new Promise<Run>((resolve, reject) => {
      const child = spawn(process.execPath, [command, "run", "sum.ts", ...args], {
        cwd: project.root,
        env: { PATH: process.env["PATH"], NO_COLOR: "1", GEMFLOW_DEBUG: "1", ...environment }
      })
      let out = ""
      let err = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => out += text)
      child.stderr.setEncoding("utf8").on("data", (text: string) => err += text)
      child.on("error", reject)
      child.on("close", (code) => {
        if (code !== 0) return reject(new Error(err))
        resolve({
          total: Number(/^sum +(\S+)/m.exec(out)?.[1]?.replaceAll(",", "")),
          isFast: !err.includes("no fast start"),
          nodes: err.split("\n").filter((line) => /^[=✓]|executed/.test(line)).map((line) => line.replace(/ in .*/, ""))
        })
      })
    })
  const objects = () =>
    readdirSync(join(store, "objects"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".arrow"))
      .toSorted().map((name) => join(store, "objects", name))
  const expected = () =>
    model.lines.reduce((sum, line) => sum + line * (model.factor * model.weight + model.offset) * model.formula, 0)
  return { project, model, environment, store, write, run, objects, expected }
}

type Summing = ReturnType<typeof summing>

/** Edits after which a run must look again; each keeps the model in step. */
const edits: Readonly<Record<string, (summing: Summing) => void>> = {
  "a line more": ({ model, write }) => {
    model.lines.push(7)
    write.lines()
  },
  "the same content written again": ({ write }) => write.lines(),
  "another file of equal size and date": ({ model, project }) => {
    model.lines = model.lines.map((line) => line === 7 ? 5 : line === 2 ? 4 : line)
    const [path, other] = [join(project.root, "lines.txt"), join(project.root, "other.txt")]
    const { atime, mtime } = statSync(path)
    project.write("other.txt", `${model.lines.join("\n")}\n`)
    utimesSync(other, atime, mtime)
    renameSync(other, path)
  },
  "a variable that was not set": ({ environment, model }) => {
    model.factor = 3
    environment["FACTOR"] = "3"
  },
  "a variable with another value": ({ environment, model }) => {
    model.factor = 4
    environment["FACTOR"] = "4"
  },
  "a file that the pipeline file reads": ({ model, write }) => {
    model.offset++
    write.settings()
  },
  "a function that a node calls": ({ model, write }) => {
    model.formula++
    write.formula()
  },
  "a package": ({ model, write }) => {
    model.weight++
    write.weight()
  },
  "a package nearer by": ({ model, project }) => {
    model.weight++
    const folder = join(project.root, "nodes", "..", "node_modules", "weights")
    renameSync(folder, `${folder}.old`)
    mkdirSync(folder)
    project.write(
      "node_modules/weights/package.json",
      JSON.stringify({ name: "weights", type: "module", main: "b.js" })
    )
    project.write("node_modules/weights/b.js", `export const weight = ${model.weight}`)
    project.write("node_modules/weights/index.js", `export const weight = ${model.weight}`)
  },
  "an artifact deleted": ({ objects }) =>
    objects().forEach((object) => rmSync(join(object, ".."), { recursive: true })),
  "an artifact cut short": ({ objects }) => objects().forEach((object) => truncateSync(object, 10)),
  "a manifest cut short": ({ objects }) =>
    objects().forEach((object) => truncateSync(join(object, "..", "manifest.json"), 10)),
  "the catalog deleted": ({ store }) => {
    for (const name of readdirSync(store)) if (name.startsWith("catalog.sqlite")) rmSync(join(store, name))
  },
  "the certificate altered": ({ store }) => {
    const folder = join(store, "certificates")
    const [name = ""] = readdirSync(folder)
    const path = join(folder, name)
    expect(existsSync(path)).toBe(true)
    truncateSync(path, readFileSync(path).length - 5)
  }
}

describe("a fast start", { timeout: 120_000 }, () => {
  const names = Object.keys(edits)
  // Three projects, each with every third edit in an order of its own.
  it.concurrent.each([0, 1, 2])(
    "never says what recomputing everything would not, after edits %i modulo 3",
    async (part) => {
      const tried = summing()
      await setTimeout(60)
      const first = await tried.run()
      expect(first).toMatchObject({ isFast: false, total: tried.expected() })
      const again = await tried.run()
      expect(again).toMatchObject({ isFast: true, total: tried.expected() })
      for (const name of names.filter((_, index) => index % 3 === part)) {
        edits[name]?.(tried)
        // Files written as the run begins are not trusted, and then the run after it would not be fast.
        await setTimeout(60)
        const run = await tried.run()
        expect({ name, ...run }).toMatchObject({ name, isFast: false, total: tried.expected() })
      }
      const fast = await tried.run()
      expect(fast).toMatchObject({ isFast: true, total: tried.expected() })
      tried.environment["GEMFLOW_NO_CERTIFICATE"] = "1"
      const slow = await tried.run()
      expect(slow.isFast).toBe(false)
      expect(fast.nodes.toSorted()).toEqual(slow.nodes.toSorted())
    }
  )

  it("is noted like any other run, and only for the same command", async () => {
    const { expected, project, run } = summing()
    await setTimeout(60)
    await run()
    await run()
    expect(await run("--set", "scale.factor=10")).toMatchObject({ isFast: false, total: 60 })
    expect(await run()).toMatchObject({ isFast: true, total: expected() })
    const [last, other, second, first] = JSON.parse((await project.inProcess("runs", "--json")).out)
    expect([first, second, other, last].map(({ cached, executed }) => [executed, cached])).toEqual([[3, 0], [0, 3], [
      2,
      1
    ], [0, 3]])
    const details = await project.inProcess("runs", String(last.run), "--json")
    expect(details.code).toBe(0)
    expect((await project.inProcess("verify")).code).toBe(0)
    expect((await project.inProcess("why", "sum.ts", "scale")).out).toContain("up to date")
  })
})
