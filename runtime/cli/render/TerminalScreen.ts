/**
 * The process's terminal for a live display: what others write while it is shown goes above it, and however the process
 * ends or is stopped, the cursor is there again.
 */
import type { WriteStream } from "node:tty"
import type { LiveDisplay } from "./LiveDisplay.ts"
import type { Screen } from "./Painter.ts"

/** A process, as far as it has to do with its terminal. */
export interface Terminal {
  readonly pid: number
  kill(pid: number, signal: "SIGTSTP"): boolean
  on(event: "SIGINT" | "SIGTERM" | "SIGTSTP" | "SIGCONT" | "exit", listener: () => void): unknown
  off(event: "SIGINT" | "SIGTERM" | "SIGTSTP" | "SIGCONT" | "exit", listener: () => void): unknown
  readonly stderr: Stream
  readonly stdout: Stream
}

interface Stream {
  write: WriteStream["write"]
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

// What a terminal that does not tell its size is taken to have.
const usual = { columns: 80, rows: 24 }

/** Makes a display on the terminal; it is let go when the display is closed. */
export const onTerminal = (terminal: Terminal, display: (screen: Screen) => LiveDisplay): LiveDisplay => {
  const { stderr, stdout } = terminal
  const write = stderr.write.bind(stderr)
  const shown = display({
    write: (text) => {
      write(text)
    },
    size: () => {
      refreshSize(stderr)
      return { columns: stderr.columns || usual.columns, rows: stderr.rows || usual.rows }
    }
  })

  const redirected = [stderr, stdout].filter(({ isTTY }) => isTTY).map((stream) => redirect(stream, shown.above))
  const onStop = () => {
    shown.stopping()
    terminal.off("SIGTSTP", onStop)
    terminal.kill(terminal.pid, "SIGTSTP")
  }
  const onContinue = () => {
    // Only when it was this that took the signal away.
    terminal.off("SIGTSTP", onStop)
    terminal.on("SIGTSTP", onStop)
    shown.stopping()
  }
  const listeners = [
    // A second Ctrl-C ends the process at once. So that it can, each of these is listened for once.
    ["SIGINT", once(terminal, "SIGINT", shown.ending)],
    ["SIGTERM", once(terminal, "SIGTERM", shown.ending)],
    ["SIGTSTP", onStop],
    ["SIGCONT", onContinue],
    ["exit", shown.ending]
  ] as const
  for (const [name, listener] of listeners) terminal.on(name, listener)
  let closed = false
  return {
    ...shown,
    close: () => {
      shown.close()
      if (closed) return
      closed = true
      for (const restore of redirected) restore()
      for (const [name, listener] of listeners) terminal.off(name, listener)
    }
  }
}

/**
 * Node asks for a window's size when it hears that it has changed, which may be after the next frame. What it asks with is
 * not in its documentation: where that is gone, a resized window may keep a stray line.
 */
const refreshSize = (stream: Stream) => {
  if ("_refreshSize" in stream && typeof stream._refreshSize === "function") stream._refreshSize()
}

const once = (terminal: Terminal, name: "SIGINT" | "SIGTERM", listener: () => void) => {
  const listen = () => {
    terminal.off(name, listen)
    listener()
  }
  return listen
}

/** Gives the whole lines that are written to a stream to `above`, until restored. */
const redirect = (stream: Stream, above: (lines: ReadonlyArray<string>) => void) => {
  const original = stream.write
  let rest = ""
  const decoder = new TextDecoder()
  const take = (chunk: string | Uint8Array, encoding?: unknown, done?: unknown) => {
    const lines = (rest + (typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true }))).split(/\r?\n/)
    rest = lines.pop() ?? ""
    if (lines.length > 0) above(lines)
    const callback = typeof encoding === "function" ? encoding : done
    if (typeof callback === "function") queueMicrotask(() => callback())
    return true
  }
  stream.write = take
  return () => {
    if (stream.write === take) stream.write = original
    if (rest !== "") stream.write(rest)
  }
}
