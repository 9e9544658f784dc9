import { describe, expect, it } from "@effect/vitest"
import { EventEmitter } from "node:events"
import { liveDisplay } from "../../../../runtime/cli/render/LiveDisplay.ts"
import { plainStyle } from "../../../../runtime/cli/render/Style.ts"
import { onTerminal } from "../../../../runtime/cli/render/TerminalScreen.ts"
import { emulatedTerminal } from "./EmulatedTerminal.ts"
import { cached, runFinished, runStarted, started } from "./events.ts"

/** A process whose streams are an emulated terminal. */
const fakeProcess = () => {
  const terminal = emulatedTerminal(60, 12)
  const stream = () => ({
    isTTY: true,
    columns: 60,
    rows: 12,
    write: (chunk: string | Uint8Array) => {
      // As the line discipline of a terminal does.
      terminal.write(String(chunk).replace(/\r?\n/g, "\r\n"))
      return true
    }
  })
  const kills: Array<string> = []
  const self = Object.assign(new EventEmitter(), {
    stderr: stream(),
    stdout: stream(),
    pid: 1,
    kill: (_pid: number, signal: string) => kills.push(signal) > 0
  })
  return { self, terminal, kills }
}

const displayOn = ({ self }: ReturnType<typeof fakeProcess>) => {
  let time = 0
  const live = onTerminal(self, (screen) => liveDisplay(screen, plainStyle, () => time += 1000))
  live.event(runStarted(["sample", "rank"]))
  live.event(cached("rank"))
  live.event(started("sample", null))
  return live
}
const shown = (lines: ReadonlyArray<string>) => lines.map((line) => line.split("  ")[0])

describe("a process's terminal", () => {
  it("shows what others write above the display, and nothing of it is left in the way afterwards", async () => {
    const process = fakeProcess()
    const { self, terminal } = process
    const live = displayOn(process)
    self.stdout.write("one line\nhalf of ")
    self.stderr.write(new TextEncoder().encode("é\n"))
    self.stdout.write("another\n")
    live.frame()
    expect(shown(await terminal.lines()).slice(1)).toEqual([
      "= rank",
      "one line",
      "é",
      "half of another",
      "▸ sample",
      expect.stringContaining("1/2 nodes")
    ])
    self.stdout.write("without an end")
    live.event(runFinished({ cached: 1 }))
    live.close()
    self.stdout.write(" or not\n")
    expect((await terminal.lines()).slice(-2)).toEqual(["0 executed, 1 cached in 1.0 s", "without an end or not"])
    expect(self.eventNames()).toEqual([])
  })

  it("gives the cursor back before a second Ctrl-C can end the process, and takes it no more", () => {
    const process = fakeProcess()
    const { self, terminal } = process
    const live = displayOn(process)
    expect(terminal.cursorIsHidden()).toBe(true)
    self.emit("SIGINT")
    expect(terminal.cursorIsHidden()).toBe(false)
    // Nothing of the display keeps the second one from what it does by itself.
    expect(self.listenerCount("SIGINT")).toBe(0)
    live.frame()
    expect(terminal.cursorIsHidden()).toBe(false)
    live.close()
  })

  it("is left as it should be while the process is stopped, and taken again below when it goes on", async () => {
    const process = fakeProcess()
    const { kills, self, terminal } = process
    const live = displayOn(process)
    self.emit("SIGTSTP")
    expect(terminal.cursorIsHidden()).toBe(false)
    expect(kills).toEqual(["SIGTSTP"])
    terminal.write("$ fg\r\n")
    self.emit("SIGCONT")
    live.frame()
    expect(terminal.cursorIsHidden()).toBe(true)
    expect(shown(await terminal.lines()).slice(1)).toEqual([
      "= rank",
      "▸ sample",
      expect.stringContaining("1/2 nodes"),
      "$ fg",
      "▸ sample",
      expect.stringContaining("1/2 nodes")
    ])
    self.emit("SIGTSTP")
    expect(kills).toEqual(["SIGTSTP", "SIGTSTP"])
    live.close()
  })
})
