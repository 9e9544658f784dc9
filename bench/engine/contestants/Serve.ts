/** The other end of Contestant.ts: a Node process that gets ready once, then repeats its work when it is told to. */
import { createInterface } from "node:readline"

export interface Prepared {
  readonly check: unknown
  /** Does the work once; gives how much it was, and the part of the time that counts where not all of it does. */
  readonly repeat: () => Promise<number | Measured>
}

export interface Measured {
  readonly amount: number
  readonly seconds: number
  readonly cpuSeconds: number
}

/** User and system seconds of this process so far. */
export const cpuSeconds = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1e6
}

export const serve = async <Job>(prepare: (job: Job) => Promise<Prepared>): Promise<void> => {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const answer = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`)
  const first = await lines.next()
  if (first.done === true) return
  const { check, repeat } = await prepare(JSON.parse(first.value))
  answer(check)
  for await (const _ of { [Symbol.asyncIterator]: () => lines }) {
    const [start, cpu] = [performance.now(), cpuSeconds()]
    const done = await repeat()
    answer(
      typeof done === "number"
        ? { amount: done, seconds: (performance.now() - start) / 1000, cpuSeconds: cpuSeconds() - cpu }
        : done
    )
  }
}
