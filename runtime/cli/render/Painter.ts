/**
 * Paints a few lines at the bottom of a terminal again and again, and lets finished lines scroll by above them. A frame is
 * one write of what changed; nothing is cleared before it is written over, so nothing flickers.
 */
import { displayWidth } from "./DisplayWidth.ts"

/** What a painter needs of a terminal. */
export interface Screen {
  /** In cells. Asked for each frame, since a window may be resized. */
  readonly size: () => { readonly columns: number; readonly rows: number }
  readonly write: (text: string) => void
}

export interface Painter {
  /** Lines that stay, and below them the frame, whose lines are no wider than the window. */
  readonly paint: (above: ReadonlyArray<string>, frame: ReadonlyArray<string>) => void
  /** To be called when others have written to the terminal: the next frame is painted below. */
  readonly forget: () => void
  /** Shows the cursor again. The next frame hides it. */
  readonly showCursor: () => void
  /** Shows the cursor again, and for good. */
  readonly keepCursor: () => void
}

const csi = "\u001b["
// "Synchronised output" makes a terminal that knows it show the frame at once; others ignore it.
const beginFrame = `${csi}?2026h`
const endFrame = `${csi}?2026l`
// A terminal that counts a character as wider than we do must cut the line, not break it.
const noWrap = `${csi}?7l`
const wrap = `${csi}?7h`
const hideCursor = `${csi}?25l`
const showCursor = `${csi}?25h`
const eraseLine = `${csi}K`
const eraseBelow = `${csi}J`
const up = (lines: number) => lines > 0 ? `${csi}${lines}A` : ""
const down = (lines: number) => lines > 0 ? `${csi}${lines}B` : ""

export const painter = (screen: Screen): Painter => {
  let shown: ReadonlyArray<string> = []
  let columns = 0
  let hidden = false
  let mayHide = true

  /** A terminal breaks lines again when it is made narrower: what is shown may take more rows than it has lines. */
  const rowsTaken = (width: number) =>
    width >= columns
      ? shown.length
      : shown.reduce((rows, line) => rows + Math.max(1, Math.ceil(displayWidth(line) / width)), 0)

  /** The cursor is below the frame, and is there again afterwards. */
  const changedLines = (frame: ReadonlyArray<string>) => {
    let text = ""
    let at = frame.length
    frame.forEach((line, index) => {
      if (line === shown[index]) return
      text += `${at > index ? up(at - index) : down(index - at)}\r${line}${eraseLine}`
      at = index
    })
    return text === "" ? "" : `${text}${down(frame.length - at)}\r`
  }

  const show = () => {
    if (!hidden) return
    hidden = false
    screen.write(showCursor)
  }

  return {
    paint: (above, frame) => {
      const size = screen.size()
      const width = Math.max(1, size.columns)
      const inPlace = above.length === 0 && frame.length === shown.length && width === columns
      const changes = inPlace
        ? changedLines(frame)
        // \r first: a terminal that echoes ^C leaves the cursor in the middle of a line.
        : `\r${up(Math.min(rowsTaken(width), Math.max(0, size.rows - 1)))}`
          + [...above, ...frame].map((line) => `${line}${eraseLine}\r\n`).join("")
          + eraseBelow
      shown = frame
      columns = width
      if (changes === "") return
      const hide = hidden || !mayHide || frame.length === 0 ? "" : hideCursor
      hidden ||= hide !== ""
      screen.write(`${beginFrame}${hide}${noWrap}${changes}${wrap}${endFrame}`)
    },
    forget: () => {
      shown = []
    },
    showCursor: show,
    keepCursor: () => {
      mayHide = false
      show()
    }
  }
}
