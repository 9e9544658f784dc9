import { describe, expect, it } from "@effect/vitest"
import { framePeriod, type LiveDisplay, liveDisplay } from "../../../../runtime/cli/render/LiveDisplay.ts"
import { plainStyle, styleOf } from "../../../../runtime/cli/render/Style.ts"
import type { Event } from "../../../../runtime/execution/Event.ts"
import { emulatedTerminal } from "./EmulatedTerminal.ts"
import { cached, executed, failed, named, progress, runFinished, runStarted, skipped, started } from "./events.ts"

/** A display on a terminal of a size, with a clock that is set by hand. */
const display = (columns: number, rows: number, style = plainStyle) => {
  const terminal = emulatedTerminal(columns, rows)
  let time = 0
  const live = liveDisplay(terminal, style, () => time)
  const frame = (milliseconds = framePeriod) => {
    time += milliseconds
    live.frame()
  }
  return { terminal, live, frame, at: (milliseconds: number) => time = milliseconds }
}

const events = (live: LiveDisplay, ...all: ReadonlyArray<Event>) => all.forEach(live.event)

describe("the live display", () => {
  it("shows finished nodes above, running ones below, then devices and counts", async () => {
    const { at, frame, live, terminal } = display(100, 24)
    events(live, runStarted(["prompts", "sample", "rank"], ["cuda:0", "cuda:1"]), cached("prompts"))
    events(live, started("sample", "cuda:0"), progress("sample", 0, 960))
    at(10_000)
    events(live, progress("sample", 320, 960), started("rank", null))
    frame(0)
    expect(await terminal.lines()).toEqual([
      "gem · run r · 3 nodes · store s",
      "= prompts  cached  12 rows · 01234567",
      "▸ sample   ████░░░░░░░░  320/960 candidates  32/s  20 s left  10 s  cuda:0",
      "▸ rank     0 s",
      "cuda:0 100 % busy: sample · cuda:1 0 % busy",
      expect.stringMatching(/^. 1\/3 nodes · 0 executed · 1 cached · 2 running · 10 s$/)
    ])
    expect(terminal.cursorIsHidden()).toBe(true)

    at(20_000)
    events(live, executed("sample", 20_000), executed("rank", 10_000), runFinished({ executed: 2, cached: 1 }))
    expect(await terminal.lines()).toEqual([
      "gem · run r · 3 nodes · store s",
      "= prompts  cached  12 rows · 01234567",
      "✓ sample   20.0 s  12 rows · 01234567 · config: k 4 -> 5",
      "✓ rank     10.0 s  12 rows · 01234567 · config: k 4 -> 5",
      "2 executed, 1 cached in 1.0 s"
    ])
    expect(terminal.cursorIsHidden()).toBe(false)
  })

  it("tells partitions, what is waited for, attempts and notes", async () => {
    const { at, frame, live, terminal } = display(100, 24)
    events(live, runStarted(["sample", "update", "score", "rank"]), started("sample", null))
    const partition = (status: "executed" | "cached", of: number | null): Event => ({
      type: "PartitionFinished",
      ...named("sample"),
      position: 0,
      of,
      status,
      rows: 10,
      durationMs: 5
    })
    events(live, partition("cached", null))
    frame()
    expect((await terminal.lines()).find((line) => line.startsWith("▸ sample"))).toContain("1/? partitions  1 cached")
    at(2000)
    events(live, partition("executed", 8))
    at(4000)
    events(live, partition("executed", 8))
    events(live, started("update", "cpu"), { ...progress("update", 5, 10, "steps"), note: "continued from step 4" })
    events(live, started("score", null), {
      type: "NodeRetrying",
      ...named("score"),
      attempt: 1,
      of: 3,
      message: "the service is busy",
      delayMs: 4000
    })
    events(live, { type: "NodeWaiting", ...named("rank"), waitsFor: "run q (process 7)" })
    frame(0)
    events(live, progress("sample", 30, 70))
    const lines = await terminal.lines()
    expect(lines[1]).toBe("↻ score   attempt 1 of 3 failed, the next begins in 4.0 s: the service is busy")
    expect(lines.slice(2)).toEqual([
      // Two of the seven that were not cached are made, one in two seconds.
      "▸ sample  █████░░░░░░░  3/8 partitions  1 cached  30/min  10 s left  4 s",
      "▸ update  ██████░░░░░░  5/10 steps  0 s  cpu  continued from step 4",
      "▸ score   0 s  attempt 2 of 3",
      "… rank    waits for run q (process 7)",
      "cpu 0 % busy: update",
      expect.stringContaining("3 running · 1 waiting")
    ])
  })

  it("tells what a mapped node reports as long as none of its partitions comes from the store", async () => {
    const { frame, live, terminal } = display(100, 24)
    events(live, runStarted(["sample"]), started("sample", null), progress("sample", 30, 60))
    events(live, { type: "NodeRetrying", ...named("sample"), attempt: 1, of: 2, message: "busy", delayMs: 0 })
    frame()
    expect((await terminal.lines()).at(-2)).toContain("attempt 2 of 2")
    events(live, {
      type: "PartitionFinished",
      ...named("sample"),
      position: 0,
      of: 4,
      status: "executed",
      rows: 1,
      durationMs: 1
    })
    frame()
    expect((await terminal.lines()).at(-2)).toBe("▸ sample  ██████░░░░░░  30/60 candidates  1/4 partitions  0 s")
    events(live, {
      type: "PartitionFinished",
      ...named("sample"),
      position: 1,
      of: 4,
      status: "cached",
      rows: 1,
      durationMs: 1
    })
    frame(1000)
    expect((await terminal.lines()).at(-2)).toBe(
      "▸ sample  ██████░░░░░░  2/4 partitions  1 cached  10/s  0 s left  1 s"
    )
    live.close()
  })

  it("says once what a failure kept from running", async () => {
    const { live, terminal } = display(80, 24)
    const names = ["a", "b", "c", "d", "e", "f", "g"]
    events(live, runStarted(names), started("a", null), failed("a", "no\nluck"))
    events(live, ...names.slice(1).map((name) => skipped(name, "a")), runFinished({ failed: 1 }))
    expect(await terminal.lines()).toEqual([
      "gem · run r · 7 nodes · store s",
      "✗ a  failed after 5 ms: no⏎luck",
      "- 6 nodes skipped because a failed: b, c, d, e and 2 more",
      "0 executed, 0 cached, 1 failed in 1.0 s"
    ])
  })

  it("draws what fits: never more lines than the window, never wider ones", async () => {
    const names = Array.from({ length: 40 }, (_, index) => `round-${index}/大きな-sample-of-candidates`)
    for (const [columns, rows] of [[80, 12], [24, 6], [9, 3], [2, 1]] as const) {
      const { frame, live, terminal } = display(columns, rows)
      events(live, runStarted(names, ["cuda:0"]))
      for (const name of names) events(live, started(name, "cuda:0"), progress(name, 1, 3))
      frame()
      frame()
      const lines = await terminal.lines()
      expect(lines.length).toBeLessThanOrEqual(rows)
      expect(await terminal.broken()).toBe(0)
      // One line each for more, devices, counts, the cursor and what was finished last.
      const [drawn, more] = rows > 4 ? [rows - 5, 1] : [0, 0]
      expect(lines.filter((line) => line.startsWith("▸"))).toHaveLength(drawn)
      expect(lines.filter((line) => line.startsWith("  … and "))).toHaveLength(more)
      live.close()
    }
  })

  it("survives resizing", async () => {
    const { frame, live, terminal } = display(100, 20)
    events(live, runStarted(["sample", "rank"], ["cuda:0"]), cached("rank"))
    events(live, started("sample", "cuda:0"), progress("sample", 3, 10))
    frame()
    for (const [columns, rows] of [[50, 20], [20, 8], [120, 30], [35, 5], [100, 20]] as const) {
      await terminal.resize(columns, rows)
      frame(1000)
      const lines = await terminal.lines()
      expect(lines.filter((line) => line.startsWith("▸ sample"))).toHaveLength(1)
      expect(lines.filter((line) => /1\/2 node/.test(line))).toHaveLength(1)
    }
    // What was finished before is still there, once.
    expect((await terminal.everything()).filter((line) => line.startsWith("= rank"))).toHaveLength(1)
  })

  it("writes a frame at once, and of it only what has changed", async () => {
    const { frame, live, terminal } = display(80, 24)
    events(live, runStarted(["sample", "rank"]), started("sample", null), started("rank", null))
    frame()
    const before = terminal.writes.length
    frame(10)
    expect(terminal.writes).toHaveLength(before + 1)
    const frameText = terminal.writes.at(-1) ?? ""
    expect(frameText.startsWith("\u001b[?2026h")).toBe(true)
    expect(frameText.endsWith("\u001b[?2026l")).toBe(true)
    // Only the line with the spinner.
    expect(frameText).not.toContain("sample")
    expect(frameText).toContain("0/2 nodes")
    live.close()
  })

  it("draws no more than about ten frames a second, whatever happens, and loses no line", async () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `n${index}`)
    const { at, live, terminal } = display(80, 24)
    events(live, runStarted(names))
    names.forEach((name, index) => {
      at(index / 10)
      events(live, started(name, null), executed(name, 1))
    })
    // A second has gone by.
    expect(terminal.writes.length).toBeLessThan(13)
    events(live, runFinished({ executed: 10_000 }))
    const text = terminal.writes.join("")
    for (const name of ["n0 ", "n4711 ", "n9999 "]) expect(text).toContain(`✓ ${name}`)
  })

  it("only counts what is cached in a large pipeline", async () => {
    const names = Array.from({ length: 1000 }, (_, index) => `n${index}`)
    const { live, terminal } = display(80, 24)
    events(live, runStarted(names), ...names.map(cached), runFinished({ cached: 1000 }))
    expect(await terminal.lines()).toEqual(["gem · run r · 1,000 nodes · store s", "0 executed, 1000 cached in 1.0 s"])
  })

  it("puts what nodes print above, whole", async () => {
    const { frame, live, terminal } = display(20, 10)
    events(live, runStarted(["sample"]), started("sample", null))
    live.above(["a line that a node printed, longer than the window"])
    frame()
    expect((await terminal.lines()).slice(1, 4)).toEqual(["a line that a node ", "printed, longer tha", "n the window"])
    live.close()
  })

  it("shows the cursor before the process may end", () => {
    const { frame, live, terminal } = display(80, 24)
    events(live, runStarted(["sample"]), started("sample", null))
    frame()
    expect(terminal.cursorIsHidden()).toBe(true)
    live.ending()
    frame()
    expect(terminal.cursorIsHidden()).toBe(false)
    live.close()
  })

  it("takes colours, and cuts none of them in the middle", async () => {
    const { frame, live, terminal } = display(12, 10, styleOf({ isTTY: true }, {}))
    events(live, runStarted(["a-node-with-a-long-name"]), cached("a-node-with-a-long-name"))
    frame()
    expect((await terminal.lines())[1]).toBe("= a-node-w…")
    live.close()
  })
})
