/**
 * The run on a terminal: finished nodes scroll by, running ones stay below with their progress. Each frame is one write
 * that the terminal shows at once, so nothing flickers.
 */
import type { Event } from "../../execution/Event.ts"
import { formatDuration, formatNumber } from "./Numbers.ts"
import { plainLine } from "./PlainLines.ts"
import type { RunRenderer } from "./RunRenderer.ts"
import type { Style } from "./Style.ts"
import { truncate } from "./TextTable.ts"

/** What the display needs of a terminal. */
export interface Screen {
  /** In cells. Asked for each frame, since a window may be resized. */
  readonly size: () => { readonly columns: number; readonly rows: number }
  readonly write: (text: string) => void
}

interface Running {
  readonly node: string
  readonly device: string | null
  readonly startedAt: number
  done: number
  total: number
  unit: string
}

/** Milliseconds between two frames. */
const framePeriod = 100
const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

// "Synchronised output" makes a terminal that knows it show the frame at once; others ignore it.
const beginFrame = "\u001b[?2026h"
const endFrame = "\u001b[?2026l"

export const liveDisplay = (screen: Screen, style: Style, now: () => number = Date.now): RunRenderer => {
  const running = new Map<string, Running>()
  let nameWidth = 0
  let shown = 0
  let closed = false
  let frame = 0

  // \r first: a terminal that echoes ^C leaves the cursor in the middle of a line.
  const clear = () => shown === 0 ? "" : `\r\u001b[${shown}A\u001b[0J`

  const draw = (above: ReadonlyArray<string> = []) => {
    // The last cell of a line is left free: some terminals wrap when it is written.
    const { columns, rows } = screen.size()
    const width = Math.max(10, columns - 1)
    const room = Math.max(1, rows - 2)
    const lines = [...running.values()].slice(0, room).map((each) => truncate(line(each), width))
    const text = [...above, ...lines].map((each) => `${each}\n`).join("")
    if (text === "" && shown === 0) return
    screen.write(`${beginFrame}${clear()}${text}${endFrame}`)
    shown = lines.length
  }

  const line = ({ device, done, node, startedAt, total, unit }: Running) => {
    const parts = [
      `${spinner[frame % spinner.length]} ${node.padEnd(nameWidth)}`,
      ...(total > 0 ? [`${bar(done / total)} ${formatNumber(done)}/${formatNumber(total)} ${unit}`] : []),
      formatDuration(now() - startedAt),
      ...(device === null ? [] : [device])
    ]
    return parts.join("  ")
  }

  const timer = setInterval(() => {
    frame++
    if (running.size > 0) draw()
  }, framePeriod)
  timer.unref()

  return {
    event: (event: Event) => {
      switch (event.type) {
        case "RunStarted":
          nameWidth = Math.min(32, Math.max(0, ...event.nodes.map(({ node }) => node.length)))
          break
        case "NodeStarted":
          running.set(event.node, {
            node: event.node,
            device: event.device,
            startedAt: now(),
            done: 0,
            total: 0,
            unit: ""
          })
          return draw()
        case "NodeProgress": {
          const node = running.get(event.node)
          if (node !== undefined) Object.assign(node, { done: event.done, total: event.total, unit: event.unit })
          // The next frame shows it.
          return
        }
        case "NodeFinished":
        case "NodeFailed":
        case "NodeSkipped":
          running.delete(event.node)
          break
        case "RunInterrupted":
        case "RunFinished":
          running.clear()
          break
        case "ArtifactLost":
          break
      }
      const text = plainLine(event, style, nameWidth)
      draw(text === undefined ? [] : [text])
    },
    close: () => {
      if (closed) return
      closed = true
      clearInterval(timer)
      running.clear()
      draw()
    }
  }
}

const bar = (fraction: number): string => {
  const cells = 12
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * cells)
  return "█".repeat(full) + "░".repeat(cells - full)
}
