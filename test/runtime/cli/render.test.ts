import { describe, expect, it } from "@effect/vitest"
import { liveDisplay } from "../../../runtime/cli/render/LiveDisplay.ts"
import { formatDuration, formatInterval, formatNumber } from "../../../runtime/cli/render/Numbers.ts"
import { plainStyle, styleOf } from "../../../runtime/cli/render/Style.ts"
import { oneLine, textTable, truncate } from "../../../runtime/cli/render/TextTable.ts"
import type { Event } from "../../../runtime/execution/Event.ts"

describe("numbers", () => {
  it("are short and say what matters", () => {
    expect([0, 4, 12345, -3, 0.83333, 17.5, 1234.5, 0.00001234, NaN].map(formatNumber))
      .toEqual(["0", "4", "12,345", "-3", "0.833", "17.5", "1,235", "1.23e-5", "NaN"])
    expect(formatInterval(0.8312, 0.7791, 0.8733)).toBe("0.83 [0.78, 0.87]")
    expect(formatInterval(0.83123, 0.83012, 0.83234)).toBe("0.8312 [0.8301, 0.8323]")
    expect([3, 940, 2149, 59_960, 185_000, 3_725_000].map(formatDuration))
      .toEqual(["3 ms", "940 ms", "2.1 s", "1 min 00 s", "3 min 05 s", "1 h 02 min"])
  })
})

describe("a table", () => {
  const columns = [{ title: "name", align: "left" }, { title: "value", align: "right" }] as const
  it("aligns, also wide characters", () => {
    expect(textTable(columns, [["é", "1"], ["漢字", "22"]], plainStyle)).toBe("name  value\né         1\n漢字     22")
  })
  it("fits a narrow window", () => {
    const text = textTable(columns, [["a rather long name that does not fit", "123"]], plainStyle, 20)
    expect(text.split("\n").every((line) => line.length <= 20)).toBe(true)
    expect(text).toContain("a rather lon…")
  })
  it("lets no data drive the terminal", () => {
    expect(oneLine("a\u001b[2Jb\nc")).toBe("a�[2Jb⏎c")
    expect(truncate("abcdef", 4)).toBe("abc…")
  })
})

describe("colours", () => {
  it("are for terminals, unless NO_COLOR is set", () => {
    const coloured = (tty: boolean, environment: NodeJS.ProcessEnv) =>
      styleOf({ isTTY: tty }, environment).bad("x") !== "x"
    expect(coloured(true, {})).toBe(true)
    expect(coloured(false, {})).toBe(false)
    expect(coloured(true, { NO_COLOR: "1" })).toBe(false)
    expect(coloured(true, { NO_COLOR: "" })).toBe(true)
    expect(coloured(true, { TERM: "dumb" })).toBe(false)
    expect(coloured(false, { FORCE_COLOR: "1" })).toBe(true)
  })
})

describe("the live display", () => {
  /** A terminal as far as the display drives it: lines, and a cursor that moves up and clears. */
  const terminal = (columns: number) => {
    const lines = [""]
    return {
      lines,
      size: () => ({ columns, rows: 24 }),
      write: (text: string) => {
        // Escape sequences as «…», so that they are easy to tell apart.
        for (const [part] of text.replaceAll("\u001b[", "«").matchAll(/«\??\d+[A-Za-z]|\n|[^«\n]+/g)) {
          const up = Number(/^«(\d+)A$/.exec(part)?.[1] ?? 0)
          if (up > 0) lines.splice(lines.length - 1 - up, up + 1, "")
          else if (part === "\n") lines.push("")
          else if (!part.startsWith("«")) lines[lines.length - 1] += part
        }
      }
    }
  }
  const names = { node: "sample", kind: "sample" }
  const events: ReadonlyArray<Event> = [
    { type: "RunStarted", run: "r", pipeline: "gem", file: "gem.ts", store: "s", nodes: [{ ...names, inputs: [] }] },
    { type: "NodeStarted", ...names, reasons: [], details: [], device: "cuda:0" },
    { type: "NodeProgress", ...names, done: 5, total: 10, unit: "tokens" },
    { type: "NodeStarted", node: "rank", kind: "rank", reasons: [], details: [], device: null }
  ]

  it("shows what runs below what is finished", () => {
    const screen = terminal(80)
    let now = 0
    const display = liveDisplay(screen, plainStyle, () => now)
    for (const event of events) {
      display.event(event)
      now += 1000
    }
    expect(screen.lines).toEqual([
      "gem · run r · 1 node · store s",
      "⠋ sample  ██████░░░░░░ 5/10 tokens  2.0 s  cuda:0",
      "⠋ rank    0 ms",
      ""
    ])
    display.event({
      type: "NodeFinished",
      ...names,
      status: "executed",
      digest: "0123456789",
      rows: 320,
      durationMs: 2100,
      reasons: ["config"],
      details: ["config: k 4 -> 5"]
    })
    expect(screen.lines.slice(1)).toEqual([
      "✓ sample  2.1 s  320 rows · 01234567 · config: k 4 -> 5",
      "⠋ rank    1.0 s",
      ""
    ])
    display.close()
    expect(screen.lines.slice(1)).toEqual(["✓ sample  2.1 s  320 rows · 01234567 · config: k 4 -> 5", ""])
  })

  it("fits a narrow window", () => {
    const screen = terminal(24)
    const display = liveDisplay(screen, plainStyle, () => 0)
    events.slice(1).forEach(display.event)
    expect(screen.lines.every((line) => line.length < 24)).toBe(true)
    display.close()
  })
})
