/** Colours and symbols, or neither: a renderer asks for a meaning and gets text. */
export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly warn: (text: string) => string
  readonly accent: (text: string) => string
}

const escape = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`

const coloured: Style = {
  bold: escape(1),
  dim: escape(2),
  good: escape(32),
  bad: escape(31),
  warn: escape(33),
  accent: escape(36)
}

const same = (text: string) => text
const plain: Style = { bold: same, dim: same, good: same, bad: same, warn: same, accent: same }

/**
 * Colours on a terminal, unless NO_COLOR says otherwise (https://no-color.org); FORCE_COLOR gives them anywhere, and
 * takes them away where it is 0 or false.
 */
export const styleOf = (stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv = process.env): Style => {
  if (environment["NO_COLOR"]) return plain
  const forced = environment["FORCE_COLOR"]
  if (forced) return forced === "0" || forced === "false" ? plain : coloured
  return stream.isTTY === true && environment["TERM"] !== "dumb" ? coloured : plain
}

export const plainStyle: Style = plain
