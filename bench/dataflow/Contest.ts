/** Measures whole processes in turns. */
import { spawnSync } from "node:child_process"
import { median, spread } from "../Spread.ts"

/** A process that does nothing any more, since everything is done. */
export interface Process {
  readonly command: readonly [string, ...ReadonlyArray<string>]
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Contestant {
  readonly name: string
  /** Brings about that all is done. */
  readonly prepare: () => Process | Promise<Process>
}

export interface Setting {
  readonly repetitions: number
  readonly wanted: (name: string) => boolean
}

/** Runs a process to its end and gives its seconds; complains with what it wrote when it fails. */
export const timed = ({ command: [program, ...args], cwd, env }: Process): number => {
  const begin = performance.now()
  const { error, signal, status, stderr } = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    maxBuffer: 2 ** 28
  })
  if (status === 0) return (performance.now() - begin) / 1000
  throw new Error(`${program} ended with ${error?.message ?? signal ?? status}: ${stderr.slice(-500)}`)
}

/** Seconds. */
const slow = 20

/** A line per contestant: its median with smallest and largest, and how many times gemflow's that is. */
export async function* contest(
  contestants: ReadonlyArray<Contestant | { readonly name: string; readonly absent: string }>,
  { repetitions, wanted }: Setting
): AsyncGenerator<string> {
  const ready: Array<{ readonly name: string; readonly process: Process; readonly seconds: Array<number> }> = []
  for (const contestant of contestants.filter(({ name }) => wanted(name))) {
    const { name } = contestant
    if ("absent" in contestant) {
      yield `${name.padEnd(16)} skipped: ${contestant.absent}`
      continue
    }
    try {
      const process = await contestant.prepare()
      // Once more, so that caches of the operating system and of Node are warm.
      const warm = timed(process)
      // Who takes long is measured once: minutes do not depend on what is cached.
      ready.push({ name, process, seconds: warm > slow ? [warm] : [] })
    } catch (error) {
      yield `${name.padEnd(16)} skipped: ${error instanceof Error ? error.message : String(error)}`
    }
  }
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const { process, seconds } of ready) if ((seconds[0] ?? 0) <= slow) seconds.push(timed(process))
  }
  const own = ready.find(({ name }) => name === "gemflow")
  for (const { name, seconds } of ready) {
    const ratio = own === undefined || name === "gemflow"
      ? ""
      : `, ${(median(seconds) / median(own.seconds)).toFixed(2)}x gemflow`
    yield `${name.padEnd(16)} ${spread(seconds, 3)} s${ratio}`
  }
}
