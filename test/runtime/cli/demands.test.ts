import { describe, expect, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { eventsOf, statusesOf, temporaryProject } from "./TemporaryProject.ts"

const demanding = () => temporaryProject("demanding")
const run = ["run", "demanding.ts", "--json"]

const executed = (events: ReadonlyArray<Record<string, unknown>>) =>
  events.filter(({ type }) => type === "NodeStarted").map(({ node }) => node)

describe("gemflow run", () => {
  it("tries a node again as often as it says, and tells each attempt", async () => {
    const { inProcess, root } = demanding()
    const result = await inProcess(...run, "--set", "first.failures=2")
    expect(result.code).toBe(0)
    const retrying = eventsOf(result).filter(({ type }) => type === "NodeRetrying")
    expect(retrying).toEqual([1, 2].map((attempt) => ({
      type: "NodeRetrying",
      node: "first",
      kind: "fetch",
      attempt,
      of: 3,
      message: expect.stringContaining("the line is busy"),
      delayMs: expect.any(Number)
    })))
    expect(readFileSync(join(root, "attempts.txt"), "utf8").split("\n").filter((line) => line === "1").length).toBe(3)
    // How often and how long it is tried is no part of its key.
    expect(statusesOf(eventsOf(await inProcess(...run, "--retries", "9")))).toMatchObject({ first: "cached" })
  })

  it("gives up after that many retries, or as many as --retries says", async () => {
    const { inProcess } = demanding()
    const result = await inProcess(...run, "--retries", "0", "--set", "first.failures=1", "--select", "first")
    expect(result.code).toBe(1)
    expect(statusesOf(eventsOf(result))).toEqual({ first: "failed" })
  })

  it("ends a node that takes longer than its timeout, in a sentence", async () => {
    const { inProcess } = demanding()
    const { code, err } = await inProcess(
      "run",
      "demanding.ts",
      "--set",
      "first.mode=wait",
      "--select",
      "first",
      "--retries",
      "0"
    )
    expect(code).toBe(1)
    expect(err).toContain("gemflow: first failed: it took longer than 50ms, the timeout of first.")
  })

  it("tells a problem that several nodes share once, and runs what does not depend on them", async () => {
    const { inProcess } = demanding()
    const settings = ["--retries", "0", "--set", "first.failures=9", "--set", "second.failures=9"]
    const { code, err } = await inProcess("run", "demanding.ts", ...settings)
    expect(code).toBe(1)
    expect(err.split("\n").filter((line) => line.startsWith("gemflow:"))).toEqual([
      expect.stringMatching(/^gemflow: first, second failed: Error: the line is busy/)
    ])
    expect(err).toContain("skipped because second failed: third")
    const going = await demanding().inProcess(...run, "--retries", "0", "--set", "first.failures=9")
    expect(statusesOf(eventsOf(going))).toEqual({ first: "failed", second: "executed", third: "executed" })
  })

  it("with --no-keep-going begins no node after the first failure", async () => {
    const { inProcess } = demanding()
    const options = ["--no-keep-going", "--jobs", "1", "--retries", "0", "--set", "first.failures=9"]
    const result = await inProcess(...run, ...options)
    expect(result.code).toBe(1)
    expect(executed(eventsOf(result))).toEqual(["first"])
    expect(
      eventsOf(result).filter(({ type }) => type === "NodeSkipped").map(({ because, node }) => [node, because])
        .toSorted()
    ).toEqual([["last", "first"], ["second", "first"], ["third", "first"]])
  })

  it("with --dry-run says what plan says, and does nothing", async () => {
    const { inProcess, root } = demanding()
    const options = ["--select", "third", "--force", "second"]
    const dry = await inProcess("run", "demanding.ts", "--dry-run", ...options)
    const plan = await inProcess("plan", "demanding.ts", ...options)
    expect(dry).toEqual(plan)
    expect(dry.code).toBe(0)
    expect(dry.out).toContain("2 nodes stale, 0 cached")
    expect(existsSync(join(root, ".gemflow"))).toBe(false)
    expect(existsSync(join(root, "attempts.txt"))).toBe(false)
  })

  it("refuses before anything runs what asks for more than there is, and amounts that are none", async () => {
    const { inProcess, root } = demanding()
    const refused = async (...args: ReadonlyArray<string>) => {
      const { code, err } = await inProcess("run", "demanding.ts", ...args)
      expect(code).toBe(2)
      return err
    }
    expect(await refused("--resource", "api=2", "--set", "third.api=3")).toBe(
      "gemflow: third asks for 3 of the resource api, and this run has 2. Let it have more with --resource api=3, or ask for "
        + "less in the node's resources.\n"
    )
    expect(await refused("--resource", "api")).toBe(
      "gemflow: --resource api: expected a name and an amount, e.g. --resource api=2.\n"
    )
    expect(await refused("--memory", "lots")).toBe("gemflow: --memory lots: expected bytes, e.g. --memory 16GiB.\n")
    expect(existsSync(join(root, "attempts.txt"))).toBe(false)
  })

  it("does not end as if all were well when a node calls process.exit", async () => {
    const { code, err } = await demanding().gemflow(...run, "--set", "second.mode=exit", "--jobs", "1")
    expect(code).toBe(1)
    expect(err).toContain("gemflow: process.exit(0) was called by a pipeline file, a node or a package that it uses")
  })

  it("ends within a second or so on Ctrl-C, whatever a node does", async () => {
    const { finished, child } = demanding().start(...run, "--set", "second.mode=stubborn")
    await new Promise<void>((resolve) =>
      child.stdout?.on("data", (text: string) => /NodeStarted.*second/.test(text) && resolve())
    )
    child.kill("SIGINT")
    const { code, err } = await finished
    expect(code).toBe(130)
    expect(err).toContain("a node goes on although the run was interrupted")
  })

  it("says what it waits for when a pipeline file does not come to its end", async () => {
    const project = demanding()
    project.write("stuck.ts", "await new Promise(() => undefined)\n")
    const started = project.start("run", "stuck.ts")
    const told = await new Promise<string>((resolve) =>
      started.child.stderr?.on("data", (text: string) => resolve(text))
    )
    expect(told).toContain("stuck.ts is still being loaded: a top-level await in it")
    started.child.kill("SIGINT")
    expect((await started.finished).code).toBe(130)
  })
})
