/**
 * One way to do a row's work, in a process of its own. The process reads JSON lines: first its job, then `"again"` for
 * each repetition; it answers each with one JSON line. What it has to wait for (loading, compiling, a warm-up) is done
 * before it answers the job.
 */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { watchMemory } from "./Memory.ts"

export interface Contestant {
  readonly name: string
  readonly command: readonly [string, ...ReadonlyArray<string>]
  /** Becomes the first line that the process reads. */
  readonly job: object
}

/** One measured repetition, as its process measured it. */
export interface Repetition {
  readonly seconds: number
  /** User and system seconds of all its threads: what a busy machine changes least. */
  readonly cpuSeconds: number
  /** Tokens, or whatever the row counts. */
  readonly amount: number
}

export interface Running<Check> {
  readonly name: string
  /** What the row compares, to be sure that all contestants do the same work. */
  readonly check: Check
  readonly repeat: () => Promise<Repetition>
  /** Ends the process; the most bytes that it and its children ever held, 0 where that is not measured. */
  readonly end: () => Promise<number>
}

/** A process that ended, or said something else than asked. */
export class ContestantFailed extends Error {
  constructor(name: string, problem: string, log: string) {
    super(`${name} ${problem}${log === "" ? "" : `; it wrote:\n${log}`}`)
  }
}

// Peers must neither download anything nor start more threads than there are cores.
const environment = {
  ...process.env,
  HF_HUB_OFFLINE: "1",
  TOKENIZERS_PARALLELISM: "false",
  TORCHINDUCTOR_COMPILE_THREADS: "1",
  PYTHONUNBUFFERED: "1",
  PYTHONDONTWRITEBYTECODE: "1"
}

/** Starts a contestant; resolves when it is ready to be measured. */
export const start = async <Check>({ command, job, name }: Contestant): Promise<Running<Check>> => {
  const [executable, ...args] = command
  const child = spawn(executable, args, { stdio: ["pipe", "pipe", "pipe"], env: environment })
  const memory = watchMemory(child.pid ?? 0)
  let log = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-2000)))
  // A write to a process that has ended fails here too; its exit tells the story.
  child.stdin.on("error", () => {})
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(`cannot be started (${error.message})`))
    child.on("close", (code, signal) => resolve(`ended with ${signal ?? `exit code ${code}`}`))
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async <Answer>(request: unknown): Promise<Answer> => {
    child.stdin.write(`${JSON.stringify(request)}\n`)
    const line = await lines.next()
    if (line.done === true) {
      const problem = await ended
      memory.stop()
      throw new ContestantFailed(name, problem, log.trim())
    }
    return JSON.parse(line.value)
  }
  return {
    name,
    check: await ask<Check>(job),
    repeat: () => ask<Repetition>("again"),
    end: async () => {
      const bytes = memory.stop()
      child.stdin.end()
      await ended
      return bytes
    }
  }
}
