import { describe, expect, it } from "@effect/vitest"
import { isLive } from "../../../../runtime/cli/render/ChooseRenderer.ts"
import { logLines } from "../../../../runtime/cli/render/LogLines.ts"
import { plainStyle, styleOf } from "../../../../runtime/cli/render/Style.ts"
import { cached, executed, failed, progress, runFinished, runStarted, skipped, started } from "./events.ts"

const log = () => {
  let time = 0
  let text = ""
  const renderer = logLines((line) => text += line, plainStyle, () => time)
  const at = (milliseconds: number) => {
    time = milliseconds
    renderer.tick()
  }
  return { ...renderer, at, lines: () => text.trimEnd().split("\n") }
}

describe("a log", () => {
  it("has a line for each node that starts and each that is done, and one for each failure's skipped nodes", () => {
    const { close, event, lines } = log()
    const events = [
      runStarted(["a", "b", "c", "d"]),
      cached("a"),
      started("b", "cuda:0"),
      progress("b", 1, 2),
      failed("b", "out of\nmemory"),
      started("d", null),
      executed("d", 2100),
      skipped("c", "b"),
      runFinished({ executed: 1, cached: 1, failed: 1 })
    ]
    events.forEach(event)
    close()
    expect(lines()).toEqual([
      "gem · run r · 4 nodes · store s",
      "= a  cached  12 rows · 01234567",
      "▸ b  started on cuda:0",
      "✗ b  failed after 5 ms: out of⏎memory",
      "▸ d  started",
      "✓ d  2.1 s  12 rows · 01234567 · config: k 4 -> 5",
      "- 1 node skipped because b failed: c",
      "1 executed, 1 cached, 1 failed in 1.0 s"
    ])
  })

  it("tells how far the run is when nothing was written for ten seconds", () => {
    const { at, close, event, lines } = log()
    const names = Array.from({ length: 200 }, (_, index) => `n${index}`)
    event(runStarted(names))
    event(started("n0", null))
    event(progress("n0", 0, 100))
    at(9000)
    event(progress("n0", 10, 100))
    for (let time = 9000; time <= 25_000; time += 1000) at(time)
    event(executed("n0", 25_000))
    for (let time = 26_000; time <= 50_000; time += 1000) at(time)
    close()
    expect(lines()).toEqual([
      "gem · run r · 200 nodes · store s",
      "… 0/200 nodes · 0 executed · 0 cached · 1 running · 10 s · n0 10/100 candidates 1.11/s 1 min 20 s left 10 s",
      "… 0/200 nodes · 0 executed · 0 cached · 1 running · 20 s · n0 10/100 candidates 1.11/s 1 min 12 s left 20 s",
      "✓ n0    25.0 s  12 rows · 01234567 · config: k 4 -> 5"
    ])
  })

  it("has no control characters", () => {
    const { close, event, lines } = log()
    event(runStarted(["a"]))
    event(failed("a", "\u001b[2Jgone\r\u0007"))
    close()
    const codes = Array.from(lines().join(""), (character) => character.codePointAt(0) ?? 0)
    expect(codes.filter((code) => code < 32 || code === 127)).toEqual([])
  })
})

describe("colours", () => {
  it("are for terminals, unless the environment says otherwise", () => {
    const coloured = (tty: boolean, environment: NodeJS.ProcessEnv) =>
      styleOf({ isTTY: tty }, environment).bad("x") !== "x"
    expect(coloured(true, {})).toBe(true)
    expect(coloured(false, {})).toBe(false)
    expect(coloured(true, { NO_COLOR: "1" })).toBe(false)
    expect(coloured(true, { NO_COLOR: "" })).toBe(true)
    expect(coloured(true, { TERM: "dumb" })).toBe(false)
    expect(coloured(false, { FORCE_COLOR: "1" })).toBe(true)
    expect(coloured(true, { FORCE_COLOR: "0" })).toBe(false)
    expect(coloured(true, { NO_COLOR: "1", FORCE_COLOR: "1" })).toBe(false)
  })
})

describe("the live display", () => {
  it("is for terminals that a person looks at", () => {
    expect(isLive({ isTTY: true }, {})).toBe(true)
    expect(isLive({ isTTY: true }, { NO_COLOR: "1", CI: "false" })).toBe(true)
    expect(isLive({ isTTY: false }, { FORCE_COLOR: "1" })).toBe(false)
    expect(isLive({ isTTY: true }, { TERM: "dumb" })).toBe(false)
    expect(isLive({ isTTY: true }, { CI: "true" })).toBe(false)
  })
})
