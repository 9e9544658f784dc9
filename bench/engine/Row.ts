/** A row of the comparison: gemflow and its peers at the same work, measured alternately. */
import { median, spread } from "../Spread.ts"
import type { Agreement } from "./Agreement.ts"
import { type Contestant, ContestantFailed, type Repetition, type Running, start } from "./Contestant.ts"
import type { Found } from "./Peers.ts"

export interface Peer {
  /** What to start; or why it cannot be. */
  readonly contestant: Contestant | { readonly name: string; readonly absent: string }
  /** How many times its speed gemflow is to reach. */
  readonly reach?: number
}

export interface Row<Check> {
  readonly title: string
  /** What is counted per second. */
  readonly unit: string
  readonly gemflow: Contestant
  readonly peers: ReadonlyArray<Peer>
  readonly agreement: (ours: Check, theirs: Check) => Agreement
}

/** What one contestant took. */
export interface Result {
  readonly name: string
  /** Amount per second, of each repetition. */
  readonly rates: ReadonlyArray<number>
  /** Amount per second of one core, of each repetition. */
  readonly cpuRates: ReadonlyArray<number>
  /** Most bytes ever held by its processes; 0 where that is not measured. */
  readonly bytes: number
  readonly agreement?: Agreement
  readonly reach?: number
}

export type Outcome = Result | { readonly name: string; readonly absent: string }

/** The contestant that a peer is, when its program is there. */
export const whenFound = <A>(name: string, peer: Found<A>, make: (found: A) => Contestant): Peer["contestant"] =>
  "found" in peer ? make(peer.found) : { name, absent: peer.absent }

/** Measures all contestants of a row, repetition by repetition in turn. Without gemflow there is nothing to compare. */
export const measureRow = async <Check>(row: Row<Check>, repetitions: number): Promise<ReadonlyArray<Outcome>> => {
  const running: Array<
    { readonly process: Running<Check>; readonly done: Array<Repetition>; readonly reach?: number }
  > = []
  const absent: Array<Outcome> = []
  for (const { contestant, ...peer } of [{ contestant: row.gemflow }, ...row.peers]) {
    if ("absent" in contestant) {
      absent.push(contestant)
      continue
    }
    try {
      running.push({ process: await start<Check>(contestant), done: [], ...peer })
    } catch (error) {
      if (contestant === row.gemflow || !(error instanceof ContestantFailed)) throw error
      absent.push({ name: contestant.name, absent: error.message })
    }
  }
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const { done, process } of running) done.push(await process.repeat())
  }
  const ours = running[0]?.process.check
  const results: Array<Outcome> = []
  for (const { done, process, ...peer } of running) {
    results.push({
      name: process.name,
      rates: done.map(({ amount, seconds }) => amount / seconds),
      cpuRates: done.map(({ amount, cpuSeconds }) => amount / cpuSeconds),
      bytes: await process.end(),
      ...(ours !== undefined && process.check !== ours && { agreement: row.agreement(ours, process.check) }),
      ...peer
    })
  }
  return [...results, ...absent]
}

/** The row as lines of text. */
export const describeRow = (title: string, unit: string, outcomes: ReadonlyArray<Outcome>): string => {
  const ours = outcomes[0]
  const lines = outcomes.map((outcome) => {
    if ("absent" in outcome) return `  ${outcome.name}: skipped, ${outcome.absent}`
    const speed = `${outcome.name.padEnd(26)} ${spread(outcome.rates).padStart(26)} ${unit}/s`
    const perCore = `${Math.round(median(outcome.cpuRates)).toLocaleString("en").padStart(8)} per CPU second`
    const memory = outcome.bytes === 0
      ? "memory not measured"
      : `${(outcome.bytes / 2 ** 20).toFixed(0).padStart(6)} MiB`
    return `  ${speed} ${perCore} ${memory}${ours === undefined ? "" : compared(ours, outcome)}`
  })
  return [title, ...lines].join("\n")
}

/** gemflow's speed and memory over the peer's, and whether that is enough. */
const compared = (ours: Outcome, theirs: Result): string => {
  if ("absent" in ours || ours === theirs) return ""
  const ratio = median(ours.rates) / median(theirs.rates)
  const perCore = median(ours.cpuRates) / median(theirs.cpuRates)
  const memory = ours.bytes / theirs.bytes
  const { agreement, reach } = theirs
  return [
    `   gemflow: ${ratio.toFixed(2)}x`,
    ` (per CPU second ${perCore.toFixed(2)}x)`,
    reach === undefined ? "" : ratio >= reach ? `, at least ${reach}x` : `, BELOW ${reach}x`,
    Number.isFinite(memory) ? `; memory ${memory.toFixed(2)} of its` : "",
    agreement === undefined ? "" : agreement.agrees ? `; ${agreement.says}` : `; NOT THE SAME WORK: ${agreement.says}`
  ].join("")
}
