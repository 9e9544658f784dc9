import { describe, expect, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { sameNumbers, sameTokens } from "../../bench/engine/Agreement.ts"
import { parseArguments } from "../../bench/engine/Arguments.ts"
import { ContestantFailed, start } from "../../bench/engine/Contestant.ts"
import { modelsIn } from "../../bench/engine/models/Model.ts"
import { describeRow, measureRow, type Result } from "../../bench/engine/Row.ts"
import { round } from "../../bench/engine/rows/round.ts"
import { sampling } from "../../bench/engine/rows/sampling.ts"
import { lora, training } from "../../bench/engine/rows/training.ts"

const folder = mkdtempSync(join(tmpdir(), "gemflow-bench-test-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const setting = { models: modelsIn(folder), threads: 1, smoke: true, wanted: () => false }

const only = (outcomes: ReadonlyArray<Result | { readonly absent: string }>): Result => {
  const [outcome] = outcomes
  if (outcome === undefined || "absent" in outcome) throw new Error("gemflow was not measured")
  return outcome
}

describe("gemflow's side of the engine benchmark, on a tiny model", { timeout: 60_000 }, () => {
  it("takes training steps that lower the loss", async () => {
    const row = await training("5M", 3)(setting)
    const process = await start<{ readonly losses: ReadonlyArray<number> }>(row.gemflow)
    const { losses } = process.check
    expect(losses.length).toBe(4)
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0)
    const { amount, cpuSeconds, seconds } = await process.repeat()
    expect(await process.end()).toBeGreaterThanOrEqual(0)
    // Whole steps of 2 sequences of 16 tokens.
    expect(amount % 32).toBe(0)
    expect(amount).toBeGreaterThan(0)
    expect(Math.min(seconds, cpuSeconds)).toBeGreaterThan(0)
  })

  it("trains the adapter it is given", async () => {
    const { cpuRates, rates } = only(await measureRow(await lora("50M", 3)(setting), 1))
    expect(rates.length).toBe(1)
    expect(Math.min(...rates, ...cpuRates)).toBeGreaterThan(0)
  })

  it("samples every token that it is asked for", async () => {
    const row = await sampling("5M")(setting)
    const process = await start<{ readonly greedy: ReadonlyArray<ReadonlyArray<number>> }>(row.gemflow)
    expect(process.check.greedy.map((tokens) => tokens.length)).toEqual([4, 4, 4])
    // 3 prompts, 2 candidates, 8 tokens: no sequence ends before.
    expect((await process.repeat()).amount).toBe(3 * 2 * 8)
    await process.end()
  })

  it("makes a round", async () => {
    const row = await round("5M")(setting)
    const outcomes = await measureRow(row, 1)
    expect(Math.min(...only(outcomes).rates)).toBeGreaterThan(0)
    expect(describeRow(row.title, row.unit, outcomes)).toMatch(
      /one GEM round, tiny.*\n {2}gemflow .* response tokens\/s/
    )
  })
})

describe("what the benchmark says", () => {
  it("a peer that fails is told with what it wrote", async () => {
    const failing = {
      name: "peer",
      command: [process.execPath, "-e", "console.error('no such model'); process.exit(3)"],
      job: {}
    } as const
    await expect(start(failing)).rejects.toThrow(ContestantFailed)
    await expect(start(failing)).rejects.toThrow(/peer ended with exit code 3; it wrote:\nno such model/)
  })

  it("work that differs is not the same work", () => {
    expect(sameNumbers("losses", [1, 2], [1, 2.0001]).agrees).toBe(true)
    expect(sameNumbers("losses", [1, 2], [1, 2.01]).agrees).toBe(false)
    expect(sameNumbers("losses", [1, 2], [1]).agrees).toBe(false)
    expect(sameNumbers("losses", [1], [Number.NaN]).agrees).toBe(false)
    expect(sameTokens("responses", [[1, 2], [3]], [[1, 2], [3]]).agrees).toBe(true)
    expect(sameTokens("responses", [[1, 2], [3]], [[1, 2], [4]]).agrees).toBe(false)
  })

  it("ratios, what is reached, and what is absent", () => {
    const result = (name: string, rate: number, bytes: number) => ({ name, rates: [rate], cpuRates: [rate], bytes })
    const text = describeRow("a row", "tokens", [
      result("gemflow", 300, 2 ** 20),
      { ...result("slow", 100, 2 ** 21), reach: 2, agreement: { agrees: true, says: "4 losses within 1e-7" } },
      { ...result("fast", 200, 2 ** 20), reach: 2, agreement: { agrees: false, says: "0 of 3 equal" } },
      { name: "missing", absent: "it is not installed." }
    ])
    expect(text).toMatch(/slow .*gemflow: 3\.00x .*at least 2x; memory 0\.50 of its; 4 losses within 1e-7/)
    expect(text).toMatch(/fast .*gemflow: 1\.50x .*BELOW 2x; memory 1\.00 of its; NOT THE SAME WORK: 0 of 3 equal/)
    expect(text).toMatch(/missing: skipped, it is not installed\./)
  })

  it("arguments that cannot be followed", () => {
    expect(parseArguments(["--row", "nothing"])).toMatch(/There is no row nothing/)
    expect(parseArguments(["--repetitions", "0"])).toMatch(/--repetitions is 0/)
    expect(parseArguments(["--smoke"])).toMatchObject({ smoke: true, repetitions: 1 })
  })
})
