/** Rows of text as aligned columns that fit the window. */
import { displayWidth } from "./DisplayWidth.ts"
import type { Style } from "./Style.ts"

export interface TextColumn {
  readonly title: string
  readonly align: "left" | "right"
}

/** What lies between two columns. */
const gap = "  "

/**
 * A table with a header line. Where it is wider than `width`, the widest columns are cut with "…"; a column keeps at
 * least eight cells, so a very narrow window may still wrap.
 */
export const textTable = (
  columns: ReadonlyArray<TextColumn>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  style: Style,
  width = Number.POSITIVE_INFINITY
): string => {
  const widths = fit(
    columns.map(({ title }, index) =>
      Math.max(displayWidth(title), ...rows.map((row) => displayWidth(row[index] ?? "")))
    ),
    width
  )
  const line = (cells: ReadonlyArray<string>) =>
    columns.map(({ align }, index) => {
      const room = widths[index] ?? 0
      const text = truncate(cells[index] ?? "", room)
      const blank = " ".repeat(Math.max(0, room - displayWidth(text)))
      return align === "right" ? blank + text : text + blank
    }).join(gap).trimEnd()
  return [style.bold(line(columns.map(({ title }) => title))), ...rows.map(line)].join("\n")
}

const leastWidth = 8

const fit = (wanted: ReadonlyArray<number>, width: number): ReadonlyArray<number> => {
  const widths = [...wanted]
  let excess = widths.reduce((sum, each) => sum + each, 0) + gap.length * (widths.length - 1) - width
  while (excess > 0) {
    const widest = Math.max(...widths)
    if (widest <= leastWidth) break
    widths[widths.indexOf(widest)] = widest - 1
    excess--
  }
  return widths
}

/** Text cut to a number of cells, with "…" in the last one when something was cut. */
export const truncate = (text: string, width: number): string => {
  if (displayWidth(text) <= width) return text
  let cut = ""
  for (const character of text) {
    if (displayWidth(cut + character) > width - 1) break
    cut += character
  }
  return width <= 0 ? "" : `${cut}…`
}

/** One line: control characters and line breaks made visible or dropped, so that data cannot drive the terminal. */
export const oneLine = (text: string): string =>
  text.replace(/\r?\n/g, "⏎").replace(/\t/g, " ")
    // oxlint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, "�")
