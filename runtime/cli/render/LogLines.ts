/**
 * A run as plain lines for logs and pipes: one when a node starts, one when it is done, and every ten seconds one that
 * tells how far the run is, as long as nothing else was written.
 */
import type { Event } from "../../execution/Event.ts"
import { type LineFormat, lineFormat, plainLine, startedLine } from "./PlainLines.ts"
import type { RunRenderer } from "./RunRenderer.ts"
import { runState } from "./RunState.ts"
import { runningPhrase, skippedLines, statusText } from "./RunText.ts"
import type { Style } from "./Style.ts"

/** Milliseconds without a line after which one tells how far the run is. */
const silence = 10_000

/** So many running nodes are told of in a line. */
const mostTold = 3

export const logLines = (
  write: (line: string) => void,
  style: Style,
  now: () => number = Date.now
): RunRenderer & { readonly tick: () => void } => {
  const state = runState()
  let format: LineFormat = lineFormat([], style)
  let writtenAt = now()
  let timer: NodeJS.Timeout | undefined

  const tell = (line: string) => {
    writtenAt = now()
    write(`${line}\n`)
  }
  const tick = () => {
    const at = now()
    if (state.running.size + state.waiting.size === 0 || at - writtenAt < silence) return
    const phrases: Array<string> = []
    for (const node of state.running.values()) {
      if (phrases.length === mostTold) break
      phrases.push(runningPhrase(node, at))
    }
    tell(style.dim(["…", [statusText(state, at), ...phrases].join(" · ")].join(" ")))
  }

  const event = (event: Event) => {
    if (event.type === "RunStarted") {
      format = lineFormat(event.nodes, style)
      timer = setInterval(tick, 1000)
      timer.unref()
    }
    if (event.type === "RunFinished") {
      for (const line of skippedLines(state)) tell(`${style.warn("-")} ${line}`)
    }
    state.apply(event, now())
    const line = event.type === "NodeStarted" && format.tellCached
      ? startedLine(event, format)
      : plainLine(event, format)
    if (line !== undefined) tell(line)
  }
  return { event, tick, close: () => clearInterval(timer) }
}
