import { beforeAll, describe, expect, it } from "@effect/vitest"
import type { ChildProcess } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { checkpointPath } from "../policy/reference.ts"
import { eventsOf, statusesOf, temporaryProject } from "./TemporaryProject.ts"

const project = temporaryProject()
const pairs = Array.from({ length: 6 }, (_, index) => ({
  prompt: [{ role: "user", content: `${index}+${index}` }],
  chosen: `${2 * index}`,
  rejected: "no"
}))

beforeAll(() => {
  project.write("pairs.jsonl", pairs.map((pair) => `${JSON.stringify(pair)}\n`).join(""))
  project.write(
    "tuned.ts",
    `import { pipeline } from "gemflow"
import { Checkpoint, PreferencePairs, ReflectiveSft } from "gemflow/nodes"

export default pipeline("tuned", () => {
  const policy = Checkpoint({ path: ${JSON.stringify(checkpointPath("untied-gqa"))} })
  const pairs = PreferencePairs({ path: "pairs.jsonl" })
  return ReflectiveSft(
    { batch_pairs: 1, epochs: 10, learning_rate: 0.001, save_every_steps: 2 },
    { policy, pairs }
  )
})
`
  )
})

const run = (store: string, ...args: ReadonlyArray<string>) => ["run", "tuned.ts", "--json", "--store", store, ...args]

/** Waits until a training has taken so many steps. */
const steps = (child: ChildProcess, enough: number) =>
  new Promise<void>((resolve) => {
    child.stdout?.on("data", (text) => {
      for (const [, done] of String(text).matchAll(/"done":(\d+),"total":60/g)) if (Number(done) >= enough) resolve()
    })
  })

const of = (events: ReadonlyArray<Record<string, unknown>>, type: string) =>
  events.filter((event) => event["type"] === type && event["node"] === "reflective-sft")

let known: ReadonlyArray<Record<string, unknown>> | undefined
/** The events of a run that nothing stopped. */
const whole = async () => known ??= eventsOf(await project.inProcess(...run("store-whole")))

describe("a run that is killed in training", () => {
  it.each(["SIGKILL", "SIGINT"] as const)("by %s continues where it was, to the same artifact", async (signal) => {
    const store = `store-${signal}`
    const { child, finished } = project.start(...run(store))
    await steps(child, 5)
    child.kill(signal)
    await finished
    const partial = join(project.root, store, "partial")
    expect(readdirSync(partial).length).toBe(1)
    const events = await whole()
    const resumed = eventsOf(await project.inProcess(...run(store)))
    expect(statusesOf(resumed)).toEqual({
      "checkpoint": "cached",
      "preference-pairs": "cached",
      "reflective-sft": "executed"
    })
    expect(of(resumed, "NodeProgress")[0]?.["done"]).toBeGreaterThan(4)
    expect(of(resumed, "NodeFinished")[0]?.["digest"]).toBe(of(events, "NodeFinished")[0]?.["digest"])
    // Nothing is left to continue, and how often it saves is no reason to train again.
    expect(readdirSync(partial)).toEqual([])
    const again = eventsOf(await project.inProcess(...run(store, "--set", "reflective-sft.save_every_steps=7")))
    expect(new Set(Object.values(statusesOf(again)))).toEqual(new Set(["cached"]))
  }, 60_000)

  it("saves nothing where it is not to", async () => {
    const settings = ["--set", "reflective-sft.save_every_steps=0", "--set", "reflective-sft.epochs=1"]
    const { code } = await project.inProcess(...run("store-unsaved", ...settings))
    expect(code).toBe(0)
    expect(existsSync(join(project.root, "store-unsaved", "partial"))).toBe(false)
  }, 30_000)
})

describe("two processes that train the same", () => {
  it("give the same, and leave nothing", async () => {
    const train = () => project.gemflow(...run("store-both", "--set", "reflective-sft.epochs=3"))
    const ended = await Promise.all([train(), train()])
    expect(ended.map(({ code, err }) => [code, err])).toEqual([[0, ""], [0, ""]])
    const [first, second] = ended.map((one) => of(eventsOf(one), "NodeFinished")[0]?.["digest"])
    expect(first).toBe(second)
    expect(readdirSync(join(project.root, "store-both", "partial"))).toEqual([])
  }, 60_000)
})

describe("a training that diverges", () => {
  it("says where its last good state is", async () => {
    const settings = ["--set", "reflective-sft.learning_rate=1e38", "--set", "reflective-sft.weight_decay=1"]
    const { code, out } = await project.inProcess(...run("store-diverged", ...settings))
    expect(code).toBe(1)
    const message = String(of(eventsOf({ out }), "NodeFailed")[0]?.["message"])
    const [, folder = ""] = /The weights before that step are kept in ([^;]+);/.exec(message) ?? []
    expect(folder).toMatch(/\/store-diverged\/partial\/[0-9a-f]{64}\/0\/training$/)
    const [state = ""] = readdirSync(folder)
    expect(state).toMatch(/^0000000\d$/)
    expect(readdirSync(join(folder, state)).toSorted()).toEqual(["state.safetensors", "training.json"])
  }, 30_000)
})

describe("several devices", () => {
  it("are refused before anything runs where there are not as many", async () => {
    const args = ["run", "tuned.ts", "--store", "store-few", "--set", "reflective-sft.devices=2"]
    const { code, err } = await project.inProcess(...args)
    expect(code).toBe(2)
    expect(err).toBe(
      "gemflow: reflective-sft asks for 2 devices, and this run has 1 (cpu). Name as many with --device, cpu several times "
        + "for several workers on its cores, or set reflective-sft.devices=1.\n"
    )
    expect(existsSync(join(project.root, "store-few", "partial"))).toBe(false)
  })

  it("train one policy", async () => {
    const settings = ["--set", "reflective-sft.devices=2", "--set", "reflective-sft.batch_pairs=3"]
    const { out } = await project.inProcess(...run("store-two", ...settings, "--device", "cpu", "--device", "cpu"))
    expect(of(eventsOf({ out }), "NodeStarted")[0]?.["device"]).toBe("cpu, cpu")
    expect(statusesOf(eventsOf({ out }))["reflective-sft"]).toBe("executed")
  }, 30_000)
})
