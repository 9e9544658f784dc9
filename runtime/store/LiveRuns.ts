/** Which runs are going on, as far as this machine can tell. */
import { hostname } from "node:os"

/** A run of another machine that did not note its end is taken to be going on for this long. */
const elsewhereMilliseconds = 7 * 24 * 60 * 60 * 1000

export interface StartedRun {
  readonly host: string
  readonly pid: number
  readonly started_at: number
}

/** Whether a run that has not noted its end may still be going on. */
export const mayBeRunning = (run: StartedRun, now: number): boolean =>
  run.host === hostname() ? isAlive(run.pid) : now - run.started_at < elsewhereMilliseconds

const isAlive = (pid: number): boolean => {
  try {
    // Signal 0 asks whether the process is there and does nothing to it.
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}
