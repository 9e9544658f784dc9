/** Text cut to the cells of a terminal, colours kept. */
import { displayWidth } from "./DisplayWidth.ts"

// oxlint-disable-next-line no-control-regex
const colour = /(\u001b\[[0-9;]*m)/
const reset = "\u001b[0m"

let segmenter: Intl.Segmenter | undefined

/** Colours, each in one piece, and what a reader takes for a character. */
const segments = (text: string): ReadonlyArray<string> => {
  const known = segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" })
  return text.split(colour).flatMap((piece) =>
    colour.test(piece) ? [piece] : Array.from(known.segment(piece), ({ segment }) => segment)
  )
}

/** Text cut to a number of cells, with "…" in the last one when something was cut. */
export const clip = (text: string, width: number): string => {
  if (displayWidth(text) <= width) return text
  if (width <= 0) return ""
  let cut = ""
  let room = width - 1
  let coloured = false
  for (const segment of segments(text)) {
    if (colour.test(segment)) coloured = segment !== reset
    room -= displayWidth(segment)
    if (room < 0) return `${cut}…${coloured ? reset : ""}`
    cut += segment
  }
  return cut
}

/** Text in pieces of at most so many cells, none of it left out. */
export const pieces = (text: string, width: number): ReadonlyArray<string> => {
  if (displayWidth(text) <= width) return [text]
  const lines = [""]
  let room = width
  for (const segment of segments(text)) {
    const cells = displayWidth(segment)
    if (cells > room) {
      lines.push("")
      room = width
    }
    lines[lines.length - 1] += segment
    room -= cells
  }
  return lines
}

/** Text with blanks after it, to a number of cells. */
export const pad = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - displayWidth(text)))
