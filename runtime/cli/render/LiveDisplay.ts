/**
 * The run on a terminal: finished nodes scroll by; below them stay the running ones with their progress, the devices, and
 * how far the run is. Only what fits the window is drawn.
 */
import type { Event } from "../../execution/Event.ts"
import { clip, pad, pieces } from "./Clip.ts"
import { painter, type Screen } from "./Painter.ts"
import { type LineFormat, lineFormat, plainLine } from "./PlainLines.ts"
import type { RunRenderer } from "./RunRenderer.ts"
import { runState } from "./RunState.ts"
import { devicesText, runningLine, skippedLines, statusText } from "./RunText.ts"
import type { Style } from "./Style.ts"
import { oneLine } from "./TextTable.ts"

export interface LiveDisplay extends RunRenderer {
  /** Lines of others (a node's console.log), which go above the display. */
  readonly above: (lines: ReadonlyArray<string>) => void
  /** Draws what has changed; called by a timer while the run lasts. */
  readonly frame: () => void
  /** The process is about to be stopped (Ctrl-Z): when it goes on, the next frame is below what is there then. */
  readonly stopping: () => void
  /** The process may end at any moment, and must not leave a terminal without a cursor. */
  readonly ending: () => void
}

/** Milliseconds between two frames. */
export const framePeriod = 100
const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

export const liveDisplay = (screen: Screen, style: Style, now: () => number = Date.now): LiveDisplay => {
  const state = runState()
  const paint = painter(screen)
  let format: LineFormat = lineFormat([], style)
  let pending: Array<string> = []
  let drawnAt = Number.NEGATIVE_INFINITY
  let turn = 0
  let open = false
  let closed = false
  let timer: NodeJS.Timeout | undefined

  const frameLines = (columns: number, rows: number): ReadonlyArray<string> => {
    const at = now()
    // The last cell of a line is left free: some terminals break the line when it is written.
    const width = Math.max(1, columns - 1)
    const nameWidth = Math.min(format.nameWidth, Math.floor(width / 3))
    const devices = devicesText(state, at)
    const foot = [
      ...(devices === undefined ? [] : [style.dim(devices)]),
      `${style.accent(spinner[turn % spinner.length] ?? "")} ${statusText(state, at, width - 2)}`
    ].slice(rows > 4 ? 0 : rows > 1 ? -1 : Infinity)
    // One row is for the cursor, and one keeps the last finished line in sight.
    const room = Math.max(0, rows - 2 - foot.length)
    const active = state.running.size + state.waiting.size
    const drawn = active <= room ? active : Math.max(0, room - 1)
    const lines: Array<string> = []
    for (const node of state.running.values()) {
      if (lines.length >= drawn) break
      lines.push(runningLine(node, nameWidth, width, at))
    }
    for (const [node, waitsFor] of state.waiting) {
      if (lines.length >= drawn) break
      lines.push(style.dim(`… ${pad(node, nameWidth)}  waits for ${oneLine(waitsFor)}`))
    }
    if (drawn < active && room > 0) lines.push(style.dim(`  … and ${active - drawn} more`))
    return [...lines, ...foot].map((line) => clip(line, width))
  }

  const draw = () => {
    const { columns, rows } = screen.size()
    const above = pending.map((line) => clip(line, Math.max(1, columns - 1)))
    pending = []
    drawnAt = now()
    paint.paint(above, open ? frameLines(columns, rows) : [])
  }

  const event = (event: Event) => {
    const at = now()
    if (event.type === "RunStarted") {
      format = lineFormat(event.nodes, style)
      open = true
      timer = setInterval(frame, framePeriod)
      timer.unref()
    }
    if (event.type === "RunFinished") {
      for (const line of skippedLines(state)) pending.push(`${style.warn("-")} ${line}`)
    }
    state.apply(event, at)
    // What is waited for is in the frame.
    const line = event.type === "NodeWaiting" ? undefined : plainLine(event, format)
    if (line !== undefined) pending.push(line)
    if (event.type === "RunFinished") close()
    else if (at - drawnAt >= framePeriod) draw()
  }

  const frame = () => {
    turn++
    draw()
  }
  const close = () => {
    if (closed) return
    closed = true
    clearInterval(timer)
    open = false
    draw()
    paint.showCursor()
  }
  return {
    event,
    frame,
    close,
    above: (lines) => {
      const width = Math.max(1, screen.size().columns - 1)
      pending.push(...lines.flatMap((line) => pieces(line, width)))
      if (closed || now() - drawnAt >= framePeriod) draw()
    },
    stopping: () => {
      paint.showCursor()
      paint.forget()
    },
    ending: paint.keepCursor
  }
}
