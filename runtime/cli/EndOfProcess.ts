/** The ends of the process that nobody asked for, or that do not come: none of them is silent. */
import { writeSync } from "node:fs"

/** How long what was interrupted may take to end. */
const patience = 900

/**
 * Watches until the command has ended. `process.exit` in a pipeline file, a node or a package of theirs would end the process
 * as if all had gone well, in the middle of the work.
 */
export const watchProcess = () => {
  let deadline: NodeJS.Timeout | undefined
  let expected = false
  const tell = (text: string) => {
    try {
      writeSync(process.stderr.fd, `gemflow: ${text}\n`)
    } catch {
      // Nobody reads it any more.
    }
  }
  const onExit = (code: number) => {
    if (expected) return
    tell(
      `process.exit(${code}) was called by a pipeline file, a node or a package that it uses, so the run ended in the `
        + "middle. What was finished is kept. Remove the call; let a node fail by an error instead."
    )
    if (code === 0) process.exitCode = 1
  }
  process.on("exit", onExit)
  return {
    /** To be called when the command was interrupted: it ends within a second, whatever a node does. */
    endSoon: (code: number) => {
      deadline ??= setTimeout(() => {
        tell(
          "a node goes on although the run was interrupted, so the process ends without it. What was finished is kept."
        )
        expected = true
        process.exit(code)
      }, patience)
    },
    done: () => {
      clearTimeout(deadline)
      process.off("exit", onExit)
    }
  }
}
