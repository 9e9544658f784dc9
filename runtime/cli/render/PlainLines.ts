/** What happens in a run as lines that stay: for logs and pipes, and above the live display. */
import type { Event } from "../../execution/Event.ts"
import { pad } from "./Clip.ts"
import { count, formatDuration, shortDigest } from "./Numbers.ts"
import type { Style } from "./Style.ts"
import { oneLine } from "./TextTable.ts"

/** How the lines of a run are written. */
export interface LineFormat {
  readonly style: Style
  /** Names are padded to this many cells. */
  readonly nameWidth: number
  /** Whether each cached node has a line; in a large pipeline they are only counted. */
  readonly tellCached: boolean
}

/** Nodes of a pipeline with more than this many are not told when they are cached or start, but counted. */
export const manyNodes = 100

const widestName = 32

/** The format for a run, from its first event. */
export const lineFormat = (nodes: ReadonlyArray<{ readonly node: string }>, style: Style): LineFormat => ({
  style,
  nameWidth: Math.min(widestName, nodes.reduce((width, { node }) => Math.max(width, node.length), 0)),
  tellCached: nodes.length <= manyNodes
})

/** The line for an event, or undefined for one that needs none. */
export const plainLine = (event: Event, { nameWidth, style, tellCached }: LineFormat): string | undefined => {
  switch (event.type) {
    case "RunStarted":
      return style.dim(
        `${event.pipeline} · run ${event.run} · ${count(event.nodes.length, "node")} · store ${event.store}`
      )
    case "NodeWaiting":
      return `${style.warn("…")} ${pad(event.node, nameWidth)}  waits for ${oneLine(event.waitsFor)}`
    case "NodeFinished": {
      if (event.status === "cached" && !tellCached) return undefined
      const name = pad(event.node, nameWidth)
      const size = style.dim(`${count(event.rows, "row")} · ${shortDigest(event.digest)}`)
      return event.status === "cached"
        ? `${style.dim("=")} ${name}  ${style.dim("cached")}  ${size}`
        : `${style.good("✓")} ${name}  ${formatDuration(event.durationMs)}  ${size}${because(event.details, style)}`
    }
    case "NodeRetrying":
      return `${style.warn("↻")} ${pad(event.node, nameWidth)}  ${
        style.warn(`attempt ${event.attempt} of ${event.of} failed`)
      }, the next begins in ${formatDuration(event.delayMs)}: ${oneLine(event.message)}`
    case "NodeFailed":
      return `${style.bad("✗")} ${pad(event.node, nameWidth)}  ${style.bad("failed")} after ${
        formatDuration(event.durationMs)
      }: ${oneLine(event.message)}`
    case "ArtifactLost":
      return `${style.warn("!")} ${pad(event.node, nameWidth)}  ${oneLine(event.message)}`
    case "RunInterrupted":
      return style.warn("interrupted; what was finished is kept")
    case "RunFinished":
      return summary(event, style)
    case "NodeStarted":
    case "NodeProgress":
    case "PartitionFinished":
    // Told at the end, once for all that the same failure kept from running.
    case "NodeSkipped":
      return undefined
  }
}

/** The line for a node that starts, in a log: without it a log would not tell what is at work. */
export const startedLine = (
  { device, node }: Extract<Event, { readonly type: "NodeStarted" }>,
  { nameWidth, style }: LineFormat
): string => `${style.accent("▸")} ${pad(node, nameWidth)}  started${device === null ? "" : ` on ${device}`}`

// The first detail tells enough on a line; `gemflow plan` and --json tell all.
const because = ([first, ...others]: ReadonlyArray<string>, style: Style) =>
  first === undefined
    ? ""
    : style.dim(` · ${oneLine(first)}${others.length === 0 ? "" : ` (and ${others.length} more)`}`)

const summary = (
  { cached, durationMs, executed, failed }: Extract<Event, { readonly type: "RunFinished" }>,
  style: Style
): string => {
  const parts = [
    `${executed} executed`,
    `${cached} cached`,
    ...(failed > 0 ? [style.bad(`${failed} failed`)] : [])
  ]
  return `${parts.join(", ")} in ${formatDuration(durationMs)}`
}
