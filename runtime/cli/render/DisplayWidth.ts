/**
 * How many cells a text takes on a terminal: the measure that effect's help pages use (`effect/cli/CliOutput`), in a module
 * of its own, because a run in which nothing is stale shows tables and loads no effect.
 */

/** Control sequences move the cursor or set colours, and take no room. */
// oxlint-disable-next-line no-control-regex
const controlSequence = /\u001b\[[0-9;?]*[ -/]*[@-~]/g
const zeroWidth = /[\p{Mark}\p{Control}\p{Default_Ignorable_Code_Point}]/gu
const emoji = /\p{Emoji_Presentation}|\uFE0F/u
// oxlint-disable-next-line no-misleading-character-class
const fullWidth =
  /^[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3040-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f251}\u{20000}-\u{3fffd}]/u
/** Characters of one cell each, which are all that most lines have: no table of widths is needed for them. */
const narrow = /^[ -~\u00a1-\u00ac\u00ae-\u02ff\u2500-\u259f\u2800-\u28ff…▸✓✗↻⏎]*$/

let segmenter: Intl.Segmenter | undefined

/** The width of a text in cells: 2 for emoji and East Asian wide characters, 0 for marks, 1 for others. */
export const displayWidth = (text: string): number => {
  const visible = text.includes("\u001b") ? text.replace(controlSequence, "") : text
  if (narrow.test(visible)) return visible.length
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" })
  let width = 0
  for (const { segment } of segmenter.segment(visible)) width += graphemeWidth(segment)
  return width
}

const graphemeWidth = (grapheme: string): number => {
  const visible = grapheme.replace(zeroWidth, "")
  if (visible === "") return 0
  return emoji.test(grapheme) || fullWidth.test(visible) ? 2 : 1
}
