/** Where a row came from, or what came of it, as a tree for the terminal. */
import type * as Column from "../../../artifacts/Column.ts"
import type { ShownFile, ShownLink, ShownRow, TraceAnswer } from "../TraceAnswer.ts"
import { cell, isNumeric } from "./Cell.ts"
import { count, formatNumber, shortDigest } from "./Numbers.ts"
import type { Style } from "./Style.ts"
import { oneLine, truncate } from "./TextTable.ts"

/** Where the output is no window. */
const widthOfFile = 120

/** Lines of token entropies after which the rest is counted. */
const mostHeatLines = 4

export const traceText = ({ direction, row, run }: TraceAnswer, style: Style, window: number): string => {
  const width = Number.isFinite(window) ? window : widthOfFile
  const title = style.dim(`run ${run}, ${direction === "up" ? "computed from" : "computed to"}`)
  return [title, ...rowLines(row, {}, "", "", style, width)].join("\n")
}

/** The ids of the row from which one was reached; what is the same is not told again. */
type Known = Readonly<Record<string, unknown>>

const rowLines = (
  row: ShownRow,
  known: Known,
  lead: string,
  indent: string,
  style: Style,
  width: number
): ReadonlyArray<string> => {
  const place = style.dim(`row #${row.row} of ${formatNumber(row.of)}, ${row.table} ${shortDigest(row.artifact)}`)
  const title = `${lead}${style.bold(row.node)}  ${place}${row.again ? style.dim("  (as above)") : ""}`
  if (row.again) return [title]
  const branch = row.links.length > 0 ? "│ " : "  "
  const room = Math.max(20, width - indent.length - 2)
  return [
    title,
    ...valueLines(row, known, style, room).map((line) => `${indent}${branch}${line}`),
    ...fileLines(row, style).map((line) => `${indent}${branch}${line}`),
    ...row.links.flatMap((link, index) => {
      const last = index === row.links.length - 1
      return linkLines(
        link,
        row.values,
        `${indent}${last ? "└─ " : "├─ "}`,
        `${indent}${last ? "   " : "│  "}`,
        style,
        width
      )
    })
  ]
}

const linkLines = (
  link: ShownLink,
  known: Known,
  lead: string,
  indent: string,
  style: Style,
  width: number
): ReadonlyArray<string> => {
  const input = style.dim(`${link.input}: `)
  if (link.by.length === 0) {
    const why = style.dim(`the whole table ${shortDigest(link.artifact)}: no id that both have`)
    return [`${lead}${input}${style.bold(link.node)}  ${why}`]
  }
  const [first, ...others] = link.rows
  const by = link.by.join(" and ")
  if (first === undefined) return [`${lead}${input}${style.bold(link.node)}  ${style.dim(`no row with its ${by}`)}`]
  const group = link.group === undefined ? "" : `, one of ${count(link.group.rows, "row")} with its ${link.group.by}`
  return [
    ...rowLines(first, known, `${lead}${input}`, indent, style, width).map((line, index) =>
      index === 0 ? line + style.dim(`, by ${by}${group}`) : line
    ),
    ...others.flatMap((row) => rowLines(row, known, `${indent}${style.dim("also ")}`, indent, style, width)),
    ...(link.more > 0 ? [`${indent}${style.dim(`… and ${count(link.more, "more row")} by ${by}`)}`] : [])
  ]
}

/** Short values together on a line, long ones on a line of their own, tokens with their entropies. */
const valueLines = (
  { columns, values }: ShownRow,
  known: Known,
  style: Style,
  room: number
): ReadonlyArray<string> => {
  const heat = heatColumns(columns, values)
  const short: Array<string> = []
  const long: Array<string> = []
  for (const [name, column] of Object.entries(columns)) {
    if (heat !== undefined && (name === heat.text || name === heat.entropy)) continue
    if (column.id === true && known[name] === values[name]) continue
    const value = messages(values[name]) ?? cell(column, values[name], room)
    const shown = `${style.dim(name)} ${truncate(oneLine(value), room - name.length - 1)}`
    const isShort = isNumeric(column) || column.kind === "bool" || column.id === true
    if (isShort) short.push(shown)
    else long.push(shown)
  }
  return [
    ...wrap(short, "  ", room),
    ...long,
    ...(heat === undefined ? [] : heatLines(heat.pieces, heat.entropies, style, room))
  ]
}

/** `user: What is 3 + 4?` for a list of chat messages. */
const messages = (value: unknown): string | undefined => {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const told = value.map((message: unknown) =>
    typeof message === "object" && message !== null && "role" in message && "content" in message
      ? `${String(message.role)}: ${String(message.content)}`
      : undefined
  )
  return told.every((text) => text !== undefined) ? told.join(" ⏎ ") : undefined
}

/** A list of texts and a list of entropies of the same length. */
const heatColumns = (columns: Column.Fields, values: Readonly<Record<string, unknown>>) => {
  const names = Object.keys(columns)
  const entropy = names.find((name) => name.endsWith("entropy") && values[name] instanceof Float32Array)
  const entropies = entropy === undefined ? undefined : values[entropy]
  if (entropy === undefined || !(entropies instanceof Float32Array)) return undefined
  for (const text of names) {
    const pieces: unknown = values[text]
    if (!Array.isArray(pieces) || pieces.length !== entropies.length) continue
    const texts = pieces.filter((piece) => typeof piece === "string")
    if (texts.length === pieces.length) return { text, entropy, pieces: texts, entropies }
  }
  return undefined
}

/** Each token, blanks as dots, with its entropy where that is not nearly nothing: `so·(1.3)`. */
const heatLines = (
  pieces: ReadonlyArray<string>,
  entropies: Float32Array,
  style: Style,
  room: number
): ReadonlyArray<string> => {
  const tokens = pieces.map((piece, index) => {
    const entropy = entropies[index] ?? 0
    const text = oneLine(piece === "" ? "<end>" : piece.replaceAll(" ", "·"))
    if (entropy < least) return style.dim(text)
    const tone = entropy >= 1 ? style.bad : entropy >= 0.3 ? style.warn : style.dim
    return tone(`${text}(${entropy.toFixed(entropy < 0.995 ? 2 : 1).replace(/^0/, "")})`)
  })
  const lines: Array<Array<string>> = []
  for (const token of tokens) {
    const line = lines.at(-1)
    if (line === undefined || line.reduce((sum, each) => sum + visible(each) + 1, visible(token)) > room) {
      lines.push([token])
    } else line.push(token)
  }
  const shown = lines.slice(0, mostHeatLines)
  const hidden = tokens.length - shown.reduce((sum, line) => sum + line.length, 0)
  return [
    style.dim("tokens (entropy in nats)"),
    ...shown.map((line) => line.join(" ")),
    ...(hidden > 0 ? [style.dim(`… and ${count(hidden, "more token")}`)] : [])
  ]
}

/** An entropy below it is not told: the policy was sure. */
const least = 0.05

const fileLines = ({ files, line }: ShownRow, style: Style): ReadonlyArray<string> =>
  files.map(({ path, state }) =>
    `${style.accent(line === undefined ? path : `${path}:${line}`)}${style.dim(remarkOn(state))}`
  )

const remarkOn = (state: ShownFile["state"]): string =>
  state === "same" ? "" : state === "changed" ? "  (the file has changed since it was read)" : "  (is no longer there)"

// oxlint-disable-next-line no-control-regex
const visible = (text: string): number => text.replace(/\u001b\[[0-9;]*m/g, "").length

/** Pieces on as few lines as they fit. */
const wrap = (pieces: ReadonlyArray<string>, gap: string, room: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const piece of pieces) {
    const last = lines.at(-1)
    if (last !== undefined && visible(last) + gap.length + visible(piece) <= room) {
      lines[lines.length - 1] = `${last}${gap}${piece}`
    } else lines.push(piece)
  }
  return lines
}
