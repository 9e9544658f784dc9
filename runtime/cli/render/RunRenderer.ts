/** Shows the events of a run as they come. */
import type { EventSink } from "../../execution/Event.ts"
import { plainLine } from "./PlainLines.ts"
import type { Style } from "./Style.ts"

export interface RunRenderer {
  readonly event: EventSink
  /** Leaves the terminal as it should be; nothing comes after. */
  readonly close: () => void
}

/** Plain lines, for logs and pipes. */
export const plainLines = (write: (line: string) => void, style: Style): RunRenderer => {
  let nameWidth = 0
  return {
    event: (event) => {
      if (event.type === "RunStarted") nameWidth = Math.max(0, ...event.nodes.map(({ node }) => node.length))
      const line = plainLine(event, style, nameWidth)
      if (line !== undefined) write(`${line}\n`)
    },
    close: () => undefined
  }
}
