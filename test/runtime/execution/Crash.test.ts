import { describe, expect, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { type TemporaryProject, temporaryProject } from "../cli/TemporaryProject.ts"

const kills = 15

/** Numbers in [0, 1) that a seed decides. */
const random = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}

const outputs = (events: ReadonlyArray<Record<string, unknown>>) =>
  Object.fromEntries(
    events.filter(({ type }) => type === "NodeFinished").map(({ digest, node }) => [String(node), digest])
  )

const finished = (events: ReadonlyArray<Record<string, unknown>>) => new Set(Object.keys(outputs(events)))

/** The events of a run that may have been cut off in the middle of a line. */
const eventsUntilKilled = (out: string): ReadonlyArray<Record<string, unknown>> =>
  out.split("\n").slice(0, -1).map((line): Record<string, unknown> => JSON.parse(line))

const begins = ({ root }: TemporaryProject): number =>
  existsSync(join(root, "log.txt")) ? readFileSync(join(root, "log.txt"), "utf8").split("begin").length - 1 : 0

describe("a run that is killed at random points, many times", () => {
  it("completes with the results of an undisturbed run, and does again only what was unfinished", async () => {
    const project = temporaryProject("logged")
    const seed = Number(process.env["CRASH_SEED"] ?? Date.now() % 2 ** 31)
    const next = random(seed)
    console.log(`kills at points of CRASH_SEED=${seed}`)
    const begin = performance.now()
    const whole = await project.gemflow("run", "logged.ts", "--json", "--store", "undisturbed")
    const duration = performance.now() - begin
    const done = new Set<string>()
    for (let kill = 0; kill < kills; kill++) {
      // Five killed runs go ahead together, each with what those before it have finished.
      const store = `killed-${Math.floor(kill / 5)}`
      if (kill % 5 === 0) done.clear()
      const { child, finished: ended } = project.start("run", "logged.ts", "--json", "--store", store)
      await Promise.race([ended, setTimeout(duration * (0.3 + 0.8 * next()))])
      child.kill("SIGKILL")
      const { out } = await ended
      const events = eventsUntilKilled(out)
      // What an earlier run said was finished is not done again.
      const again = events.filter(({ node, type }) => type === "NodeStarted" && done.has(String(node)))
      expect(again).toEqual([])
      for (const node of finished(events)) done.add(node)
    }
    for (let store = 0; store < kills / 5; store++) {
      const before = begins(project)
      const last = await project.gemflow("run", "logged.ts", "--json", "--store", `killed-${store}`)
      expect([last.code, last.err]).toEqual([0, ""])
      expect(outputs(last.events())).toEqual(outputs(whole.events()))
      expect(begins(project) - before).toBe(last.events().at(-1)?.["executed"])
      const folder = join(project.root, `killed-${store}`)
      expect(existsSync(join(folder, "quarantine"))).toBe(false)
      const verified = await project.gemflow("verify", "--store", `killed-${store}`)
      expect([verified.code, verified.err]).toEqual([0, ""])
    }
  }, 120_000)
})
