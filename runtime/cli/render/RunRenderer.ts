/** Shows the events of a run as they come. */
import * as Schema from "effect/Schema"
import { Event, type EventSink } from "../../execution/Event.ts"
import { plainLine } from "./PlainLines.ts"
import type { Style } from "./Style.ts"

export interface RunRenderer {
  readonly event: EventSink
  /** Leaves the terminal as it should be; nothing comes after. */
  readonly close: () => void
}

const encode = Schema.encodeSync(Event)

/** `--json`: an event per line. */
export const jsonLines = (write: (line: string) => void): RunRenderer => ({
  event: (event) => write(`${JSON.stringify(encode(event))}\n`),
  close: () => undefined
})

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
