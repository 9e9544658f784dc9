/** Shows the events of a run as they come. */
import type { EventSink } from "../../execution/Event.ts"

export interface RunRenderer {
  readonly event: EventSink
  /** Leaves the terminal as it should be; nothing comes after. */
  readonly close: () => void
}
