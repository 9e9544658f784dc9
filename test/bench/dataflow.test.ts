import { describe, expect, it } from "@effect/vitest"
import { parseArguments } from "../../bench/dataflow/Arguments.ts"
import { contest } from "../../bench/dataflow/Contest.ts"
import { npmPeer, pythonPeer } from "../../bench/dataflow/Peers.ts"
import { last, readBy } from "../../bench/dataflow/peers/Graph.ts"
import { noOp } from "../../bench/dataflow/rows/NoOp.ts"

const collect = async (lines: AsyncGenerator<string>) => {
  const collected: Array<string> = []
  for await (const line of lines) collected.push(line)
  return collected
}

describe("the dataflow benchmark", { timeout: 60_000 }, () => {
  it("measures gemflow on a project of its own", async () => {
    const lines = await collect(noOp(120)({ repetitions: 1, wanted: (name) => name === "gemflow" }))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^gemflow +0\.\d+ \(.*\) s$|^gemflow +[1-9]/)
  })

  it("tells of those that are absent or fail, and goes on", async () => {
    const fine = { command: [process.execPath, "-e", "0"], cwd: "." } as const
    const failing = { command: [process.execPath, "-e", "throw new Error('no luck')"], cwd: "." } as const
    const lines = await collect(contest([
      { name: "absent", absent: "install it." },
      { name: "failing", prepare: () => failing },
      { name: "fine", prepare: () => fine }
    ], { repetitions: 2, wanted: () => true }))
    expect(lines[0]).toMatch(/^absent +skipped: install it\.$/)
    expect(lines[1]).toMatch(/^failing +skipped: .*no luck/s)
    expect(lines[2]).toMatch(/^fine /)
    for (const found of [npmPeer("no-such-command"), pythonPeer("no-such-command")]) {
      expect(found).toHaveProperty("absent")
    }
  })

  it("gives each node readers in the next layer only", () => {
    expect(readBy(5)).toEqual([])
    expect(readBy(100)).toEqual([0])
    expect(readBy(250)).toEqual([150, 149])
    expect(last(1000)).toHaveLength(100)
  })

  it("refuses what it does not know", () => {
    expect(parseArguments(["--row", "nothing"])).toContain("There is no row nothing")
    expect(parseArguments(["--repetitions", "0"])).toContain("whole number")
    expect(parseArguments(["--row", "store"])).toEqual({ rows: ["store"], repetitions: 5, only: undefined })
  })
})
