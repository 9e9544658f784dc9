import { describe, expect, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { type TemporaryProject, temporaryProject } from "../cli/TemporaryProject.ts"

const logged = () => temporaryProject("logged")

const log = ({ root }: TemporaryProject): ReadonlyArray<string> =>
  existsSync(join(root, "log.txt")) ? readFileSync(join(root, "log.txt"), "utf8").trimEnd().split("\n") : []

/** How often each node was executed to its end. */
const ends = (project: TemporaryProject): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const [word, node = ""] of log(project).map((line) => line.split(" "))) {
    if (word === "end") counts[node] = (counts[node] ?? 0) + 1
  }
  return counts
}

const until = async (condition: () => boolean) => {
  while (!condition()) await setTimeout(10)
}

const everyNodeOnce = Object.fromEntries(Array.from({ length: 17 }, (_, number) => [String(number), 1]))

const outputs = (events: ReadonlyArray<Record<string, unknown>>) =>
  Object.fromEntries(
    events.filter(({ type }) => type === "NodeFinished").map(({ digest, node }) => [String(node), digest])
  )

describe("several runs on one store at once", () => {
  it("execute every node once and give equal results", async () => {
    const project = logged()
    const runs = await Promise.all(
      Array.from({ length: 8 }, () => project.gemflow("run", "logged.ts", "--json", "--jobs", "2"))
    )
    expect(runs.map(({ code, err }) => [code, err])).toEqual(runs.map(() => [0, ""]))
    expect(ends(project)).toEqual(everyNodeOnce)
    const [first] = runs
    for (const run of runs) expect(outputs(run.events())).toEqual(outputs(first?.events() ?? []))
    const executed = runs.map((run) => run.events().at(-1)?.["executed"])
    expect(executed.reduce((sum: number, count) => sum + Number(count), 0)).toBe(17)
    expect(readdirSync(join(project.root, ".gemflow", "runs")).filter((name) => name.endsWith(".lock"))).toEqual([])
  }, 60_000)

  it("take over what a killed run was at", async () => {
    const project = logged()
    const hold = join(project.root, "hold-0")
    writeFileSync(hold, "")
    const first = project.start("run", "logged.ts", "--json")
    await until(() => log(project).some((line) => line.startsWith("begin 0 ")))
    const second = project.start("run", "logged.ts", "--json")
    let told = ""
    second.child.stdout?.on("data", (text: string) => told += text)
    await until(() => told.includes("NodeWaiting"))
    // Nobody but the first is at it.
    expect(log(project).filter((line) => line.startsWith("begin 0 "))).toEqual([`begin 0 ${first.child.pid}`])
    first.child.kill("SIGKILL")
    await until(() => log(project).includes(`begin 0 ${second.child.pid}`))
    rmSync(hold)
    const { code, events } = await second.finished
    expect(code).toBe(0)
    expect(events().find(({ type }) => type === "NodeWaiting")).toMatchObject({
      node: "step-0-0",
      waitsFor: expect.stringMatching(new RegExp(`^run \\d{8}-\\d{6}-[0-9a-f]{4} \\(process ${first.child.pid}\\)$`))
    })
    expect(ends(project)).toEqual(everyNodeOnce)
  }, 60_000)
})
