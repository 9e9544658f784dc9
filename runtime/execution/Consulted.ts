/** The paths on which planning rests, noted by whoever looks at one, with their stamps at that moment. */
import { stampOf } from "./Stamp.ts"

const stamps = new Map<string, string>()
let noting = false

export const noteConsulted = (): void => {
  noting = true
}

/** To be called with every path whose content, or absence, may change what a run does. Costs nothing unless noted. */
export const consulted = (path: string): void => {
  if (noting && !stamps.has(path)) stamps.set(path, stampOf(path))
}

/** What was looked at so far. */
export const consultedStamps = (): ReadonlyMap<string, string> => stamps
