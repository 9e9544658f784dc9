import { expect, it } from "@effect/vitest"
import { spawn, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { temporaryProject } from "../TemporaryProject.ts"
import { emulatedTerminal } from "./EmulatedTerminal.ts"

/** Makes a pseudo terminal on Linux; elsewhere it takes other options. */
const hasScript = String(spawnSync("script", ["--version"]).stdout ?? "").includes("util-linux")
const command = fileURLToPath(new URL("../../../../bin/gemflow.mjs", import.meta.url))
const [columns, rows] = [60, 20]

/** Runs gemflow on a pseudo terminal; what it writes goes to an emulated one of the same size. */
const onTerminal = (cwd: string, args: string, whenItSays: { readonly text: string; readonly press: string }) => {
  const terminal = emulatedTerminal(columns, rows)
  const line = `stty cols ${columns} rows ${rows} -echoctl; exec ${process.execPath} ${command} ${args}`
  const child = spawn("script", ["-qefc", line, "/dev/null"], {
    cwd,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], TERM: "xterm-256color", SHELL: "/bin/sh" }
  })
  let written = ""
  let pressed = false
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    written += text
    terminal.write(text)
    if (pressed || !written.includes(whenItSays.text)) return
    pressed = true
    child.stdin.write(whenItSays.press)
  })
  return new Promise<{ readonly code: number | null; readonly terminal: typeof terminal }>((resolve) =>
    child.on("close", (code) => resolve({ code, terminal }))
  )
}

// Where there is no util-linux, the emulated terminal of LiveDisplay.test.ts is all that the display is tried on.
it.skipIf(!hasScript)("on a real pseudo terminal Ctrl-C leaves all that was finished, and the cursor", async () => {
  const project = temporaryProject()
  const { code, terminal } = await onTerminal(project.root, "run numbers.ts --set trouble.mode=wait", {
    text: "1/10 steps",
    press: "\u0003"
  })
  const lines = await terminal.lines()
  expect(code).toBe(130)
  expect(lines.map((line) => line.split("  ")[0]?.trim())).toEqual([
    expect.stringContaining("numbers · run"),
    "✓ numbers",
    "✓ scale",
    "✓ sign",
    "interrupted; what was finished is kept",
    expect.stringMatching(/^3 executed, 0 cached in /)
  ])
  expect(await terminal.broken()).toBe(0)
  expect(terminal.cursorIsHidden()).toBe(false)
  const text = terminal.writes.join("")
  // Whatever it began it has ended: hidden cursors, frames, lines that must not be broken.
  for (
    const [begin, end] of [["\u001b[?25l", "\u001b[?25h"], ["\u001b[?2026h", "\u001b[?2026l"], [
      "\u001b[?7l",
      "\u001b[?7h"
    ]] as const
  ) {
    expect(text).toContain(begin)
    expect(text.lastIndexOf(end)).toBeGreaterThan(text.lastIndexOf(begin))
  }
})
