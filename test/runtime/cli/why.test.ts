import { describe, expect, it } from "@effect/vitest"
import { temporaryProject } from "./TemporaryProject.ts"

const project = temporaryProject()
const ask = async (...args: ReadonlyArray<string>) => {
  const { code, out } = await project.inProcess("why", "numbers.ts", ...args)
  expect(code).toBe(0)
  return out.replace(/\d{8}-\d{6}-[0-9a-f]{4}/g, "RUN")
}
const askJson = async (...args: ReadonlyArray<string>) =>
  JSON.parse((await project.inProcess("why", "numbers.ts", ...args, "--json")).out)
const run = (...args: ReadonlyArray<string>) => project.inProcess("run", "numbers.ts", ...args)

// One story: each test asks after the run of the one before.
describe("gemflow why", () => {
  it("of a node that never ran says so", async () => {
    expect(await ask("total")).toBe("total  never ran: there is no key to compare with\n")
  })

  it("of an up-to-date node tells the run, and what the output rests on", async () => {
    await run()
    await run()
    const told = await ask("scale")
    expect(told).toContain(
      "scale  up to date\n  computed by run RUN, found cached in 1 run since\n  rests on    code nodes/Scale"
    )
    expect(told).toContain("config factor 2\n")
    expect(told).toContain("input numbers.id, numbers.value\n")
    expect(told).toMatch(/package effect \d/)
    expect(told).toContain("scale  executed by run RUN: never-run\n")
    expect(await askJson("scale")).toMatchObject({ status: "cached", computedBy: { cachedSince: 1 }, reasons: [] })
  })

  it("before a run names what changed since the last, up to the root cause, and what did not", async () => {
    const told = await ask("sign", "--set", "scale.factor=0.5")
    expect(told).toContain("sign  would execute: upstream\n  compared with run RUN\n  upstream    scale\n")
    expect(told).toMatch(/ {14}scale\n {16}config {6}factor 2 -> 0\.5\n/)
    expect(told).toMatch(/\n {2}same {8}code nodes\/Sign\.ts, tables\.ts\n/)
    const answer = await askJson("scale", "--set", "scale.factor=0.5")
    expect(answer).toMatchObject({
      status: "stale",
      reasons: ["config"],
      changes: [{ node: "scale", verdict: "compared", differences: [{ reason: "config", what: "factor" }] }]
    })
    expect(answer.changes[0].unchanged.input).toEqual(["numbers.id", "numbers.value"])
  })

  it("after a run compares with the key before, by the columns that differ", async () => {
    await run("--set", "scale.factor=0.5")
    const told = await ask("total", "--run", "last")
    expect(told).toContain("total  executed by run RUN: input\n")
    expect(told).toMatch(/ {2}input {7}column scale\.value\n {14}scale\n {16}config {6}factor 2 -> 0\.5\n/)
    expect(await ask("total", "--between", "last~1..last")).toContain("input       column scale.value")
    expect(await ask("numbers", "--run", "last")).toContain("numbers  cached by run RUN\n")
  })

  it("of a node whose old values came back tells the run that computed them", async () => {
    const { computedBy, status } = await askJson("scale")
    expect(status).toBe("cached")
    expect(computedBy.run).toBe((await askJson("scale", "--run", "last~2")).after.run)
  })

  it("names the function that was edited", async () => {
    await run()
    project.edit("nodes/formula.ts", "value * factor", "factor * value")
    const told = await ask("total")
    expect(told).toMatch(/scale\n +code +formula\(\) in nodes\/formula\.ts changed\n/)
  })

  it("says what it cannot answer, and what to write instead", async () => {
    const refused = async (...args: ReadonlyArray<string>) => {
      const { code, err } = await project.inProcess("why", "numbers.ts", ...args)
      expect(code).toBe(2)
      return err
    }
    expect(await refused("scale", "--between", "last")).toContain("--between last~1..last")
    expect(await refused("scale", "--run", "nowhere")).toContain("gemflow runs")
    await run("--select", "numbers")
    expect(await refused("scale", "--run", "last")).toContain("scale took no part in run")
  })

  it("of an execution by force says that the key is the same", async () => {
    await run("--select", "numbers", "--force", "numbers")
    const told = await ask("numbers", "--run", "last")
    expect(told).toContain("numbers  executed by run RUN: forced\n")
    expect(told).toContain("nothing changed")
  })
})
