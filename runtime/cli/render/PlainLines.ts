/** The run as plain lines, one per thing that happened: for logs and pipes. */
import type { Event } from "../../execution/Event.ts"
import { count, formatDuration, shortDigest } from "./Numbers.ts"
import type { Style } from "./Style.ts"
import { oneLine } from "./TextTable.ts"

/** The line for an event, or undefined for one that a log does not need. */
export const plainLine = (event: Event, style: Style, nameWidth = 0): string | undefined => {
  switch (event.type) {
    case "RunStarted":
      return style.dim(
        `${event.pipeline} · run ${event.run} · ${count(event.nodes.length, "node")} · store ${event.store}`
      )
    case "NodeFinished": {
      const name = event.node.padEnd(nameWidth)
      const size = style.dim(`${count(event.rows, "row")} · ${shortDigest(event.digest)}`)
      return event.status === "cached"
        ? `${style.dim("=")} ${name}  ${style.dim("cached")}  ${size}`
        : `${style.good("✓")} ${name}  ${formatDuration(event.durationMs)}  ${size}${because(event.details, style)}`
    }
    case "NodeFailed":
      return `${style.bad("✗")} ${event.node.padEnd(nameWidth)}  ${style.bad("failed")} after ${
        formatDuration(event.durationMs)
      }: `
        + oneLine(event.message)
    case "NodeSkipped":
      return `${style.warn("-")} ${event.node.padEnd(nameWidth)}  ${style.warn("skipped")}: ${event.because} failed`
    case "ArtifactLost":
      return `${style.warn("!")} ${event.node.padEnd(nameWidth)}  ${oneLine(event.message)}`
    case "RunInterrupted":
      return style.warn("interrupted; what was finished is kept")
    case "RunFinished":
      return summary(event, style)
    case "NodeStarted":
    case "NodeProgress":
      return undefined
  }
}

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
