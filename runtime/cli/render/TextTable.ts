/** Rows of text as aligned columns that fit the window. */
import { clip } from "./Clip.ts"
import { displayWidth } from "./DisplayWidth.ts"
import type { Style } from "./Style.ts"

export interface TextColumn {
  readonly title: string
  readonly align: "left" | "right"
}

/** What lies between two columns. */
const gap = "  "

/** No column of text is cut below this many cells. */
const leastWidth = 8

/**
 * A table with a header line. Where it is wider than the window, titles are broken between words, then columns of text are
 * cut with "…"; a table that is still too wide continues below, its first column repeated. Numbers are never cut.
 */
export const textTable = (
  columns: ReadonlyArray<TextColumn>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  style: Style,
  window = Number.POSITIVE_INFINITY
): string => {
  // A terminal that does not know its width says 0.
  const width = window > 0 ? window : Number.POSITIVE_INFINITY
  const measured = columns.map(({ align, title }, index): Measured => {
    const cells = rows.reduce((widest, row) => Math.max(widest, displayWidth(row[index] ?? "")), 0)
    const word = Math.max(...title.split(" ").map(displayWidth))
    const broken = Math.max(cells, word)
    return {
      index,
      align,
      title,
      wanted: Math.max(cells, displayWidth(title)),
      broken,
      least: align === "right" ? broken : Math.min(broken, leastWidth)
    }
  })
  return blocks(measured, width).map((block) => layOut(block, fit(block, width), rows, style, width)).join("\n\n")
}

interface Measured extends TextColumn {
  readonly index: number
  /** With its title in one line. */
  readonly wanted: number
  /** With its title broken between words. */
  readonly broken: number
  /** Below this it would lose what it has to say. */
  readonly least: number
}

/** Columns in groups that fit, each beginning with the first column. */
const blocks = (columns: ReadonlyArray<Measured>, width: number): ReadonlyArray<ReadonlyArray<Measured>> => {
  const [first, ...others] = columns
  if (first === undefined) return []
  const groups: Array<Array<Measured>> = [[first]]
  let taken = first.least
  for (const column of others) {
    const group = groups.at(-1) ?? []
    if (taken + gap.length + column.least > width && group.length > 1) {
      groups.push([first, column])
      taken = first.least + gap.length + column.least
    } else {
      group.push(column)
      taken += gap.length + column.least
    }
  }
  return groups
}

/** A width for each column: as wanted, and where that is too much, first titles and then texts give way. */
const fit = (columns: ReadonlyArray<Measured>, width: number): ReadonlyArray<number> => {
  const widths = columns.map(({ wanted }) => wanted)
  let excess = widths.reduce((sum, each) => sum + each, 0) + gap.length * (widths.length - 1) - width
  const giveWay = (floors: ReadonlyArray<number>) => {
    while (excess > 0) {
      let most = -1
      widths.forEach((each, index) => {
        if (each > (floors[index] ?? 0) && each > (widths[most] ?? 0)) most = index
      })
      if (most < 0) return
      widths[most] = (widths[most] ?? 0) - 1
      excess--
    }
  }
  giveWay(columns.map(({ broken }) => broken))
  giveWay(columns.map(({ least }) => least))
  return widths
}

const layOut = (
  columns: ReadonlyArray<Measured>,
  widths: ReadonlyArray<number>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  style: Style,
  width: number
): string => {
  const line = (cells: ReadonlyArray<string>) => {
    const laidOut = columns.map(({ align }, position) => {
      const room = widths[position] ?? 0
      const text = clip(cells[position] ?? "", room)
      const blank = " ".repeat(Math.max(0, room - displayWidth(text)))
      return align === "right" ? blank + text : text + blank
    })
    // Only a window narrower than two columns cuts here.
    return clip(laidOut.join(gap).trimEnd(), width)
  }
  const titles = columns.map(({ title }, position) => brokenTitle(title, widths[position] ?? 0))
  const height = Math.max(...titles.map((lines) => lines.length))
  // Titles stand directly above their columns.
  const header = Array.from(
    { length: height },
    (_, at) => titles.map((lines) => lines[at - height + lines.length] ?? "")
  )
  return [
    ...header.map((cells) => style.bold(line(cells))),
    ...rows.map((row) => line(columns.map(({ index }) => row[index] ?? "")))
  ].join("\n")
}

/** A title in lines of at most `width` cells where its words allow. */
const brokenTitle = (title: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const word of title.split(" ")) {
    const last = lines.at(-1)
    if (last !== undefined && displayWidth(`${last} ${word}`) <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** Text cut to a number of cells, with "…" in the last one when something was cut. */
export const truncate = clip

/** One line: control characters and line breaks made visible or dropped, so that data cannot drive the terminal. */
export const oneLine = (text: string): string =>
  text.replace(/\r?\n/g, "⏎").replace(/\t/g, " ")
    // oxlint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, "�")
