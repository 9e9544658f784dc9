/** Which renderer shows a run: JSON lines where they are asked for, a live display on a terminal, else plain lines. */
import { eventLog } from "../../observe/EventLog.ts"
import { logLines } from "./LogLines.ts"
import type { RunRenderer } from "./RunRenderer.ts"
import { styleOf } from "./Style.ts"

/** The renderer for this process, to be closed when the run has ended. */
export const chooseRenderer = async (json: boolean): Promise<RunRenderer> => {
  if (json) return { event: eventLog((line) => process.stdout.write(line)), close: () => undefined }
  const style = styleOf(process.stderr)
  if (!isLive(process.stderr, process.env)) return logLines((line) => process.stderr.write(line), style)
  const [{ liveDisplay }, { onTerminal }] = await Promise.all([
    import("./LiveDisplay.ts"),
    import("./TerminalScreen.ts")
  ])
  return onTerminal(process, (screen) => liveDisplay(screen, style))
}

/** Whether a display that moves the cursor is at its place: a continuous integration's terminal only keeps a log. */
export const isLive = (stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv): boolean =>
  stream.isTTY === true && environment["TERM"] !== "dumb"
  && ["", "0", "false", undefined].includes(environment["CI"])
