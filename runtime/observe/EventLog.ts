/** The events of a run as JSON, one per line: what `--json` prints. They are plain data, so there is nothing to encode. */
import type { EventSink } from "../execution/Event.ts"

export const eventLog = (write: (line: string) => void): EventSink => (event) => write(`${JSON.stringify(event)}\n`)
