import * as Schema from "effect/Schema"
import { Event } from "../../execution/Event.ts"
import type { RunRenderer } from "./RunRenderer.ts"

const encode = Schema.encodeSync(Event)

/** `--json`: an event per line. */
export const jsonLines = (write: (line: string) => void): RunRenderer => ({
  event: (event) => write(`${JSON.stringify(encode(event))}\n`),
  close: () => undefined
})
