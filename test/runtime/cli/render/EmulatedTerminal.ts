/** A real terminal emulator, fed with the bytes that a display writes. */
import xterm from "@xterm/headless"
import type { Screen } from "../../../../runtime/cli/render/Painter.ts"

export interface EmulatedTerminal extends Screen {
  /** What a person sees: the lines of the window, without blanks at their ends and empty lines at the end. */
  readonly lines: () => Promise<ReadonlyArray<string>>
  /** The same with what has scrolled out of the window. */
  readonly everything: () => Promise<ReadonlyArray<string>>
  /** Lines that the terminal had to break. */
  readonly broken: () => Promise<number>
  readonly resize: (columns: number, rows: number) => Promise<void>
  readonly cursorIsHidden: () => boolean
  /** Each write, as it came. */
  readonly writes: ReadonlyArray<string>
}

const hide = "\u001b[?25l"
const show = "\u001b[?25h"

export const emulatedTerminal = (columns: number, rows: number): EmulatedTerminal => {
  const terminal = new xterm.Terminal({ cols: columns, rows, scrollback: 1000, allowProposedApi: true })
  const writes: Array<string> = []
  const settled = () => new Promise<void>((resolve) => terminal.write("", resolve))
  const read = async (from: number) => {
    await settled()
    const buffer = terminal.buffer.active
    const lines = Array.from(
      { length: buffer.length - from },
      (_, index) => buffer.getLine(from + index)?.translateToString(true) ?? ""
    )
    while (lines.at(-1) === "") lines.pop()
    return lines
  }
  let hidden = false
  return {
    size: () => ({ columns: terminal.cols, rows: terminal.rows }),
    write: (text) => {
      writes.push(text)
      if (text.includes(hide) || text.includes(show)) hidden = text.lastIndexOf(hide) > text.lastIndexOf(show)
      terminal.write(text)
    },
    lines: () => read(terminal.buffer.active.baseY),
    everything: () => read(0),
    broken: async () => {
      await settled()
      const buffer = terminal.buffer.active
      return Array.from({ length: buffer.length }, (_, index) => buffer.getLine(index)?.isWrapped === true)
        .filter(Boolean).length
    },
    resize: async (toColumns, toRows) => {
      await settled()
      terminal.resize(toColumns, toRows)
    },
    cursorIsHidden: () => hidden,
    writes
  }
}
