/**
 * What a node asks of a run beside its inputs: how often and how long it may be tried, and how much of the run's resources
 * it takes. None of it is part of its key.
 */
import type * as Duration from "effect/Duration"

/** Tries a node again when it fails. */
export interface Retry {
  /** How many times after the first. */
  readonly times: number
  /** How long after the first failure; twice as long after each further one, a fifth more or less. Default one second. */
  readonly delay?: Duration.Input
}

/** So many, or bytes: `2`, `"4 GiB"`, `"500 MB"`. */
export type Amount = number | string

/** How much of what a node takes while it runs: `{ memory: "4 GiB", api: 1 }`. */
export type Resources = Readonly<Record<string, Amount>>

/** The options of a node that say so: plain, or made from its config, so that an instance may differ. */
export interface DemandOptions<Config> {
  /** Tries the node again when it fails or takes too long. */
  readonly retry?: Retry | ((config: Config) => Retry | undefined)
  /** How long one attempt may take: `"10 minutes"`. */
  readonly timeout?: Duration.Input | ((config: Config) => Duration.Input | undefined)
  /** What it takes of the run's resources (`--resource api=2`, `--memory 16GiB`) while it runs; all or none. */
  readonly resources?: Resources | ((config: Config) => Resources)
}

export interface Demands {
  readonly retry: Retry | undefined
  readonly timeout: Duration.Input | undefined
  readonly resources: Resources
}

/** The demands of a node with a decoded config. */
export const demandsOf = <Config>(options: DemandOptions<Config>) => (config: Config): Demands => {
  const { resources = {}, retry, timeout } = options
  return {
    retry: typeof retry === "function" ? retry(config) : retry,
    timeout: typeof timeout === "function" ? timeout(config) : timeout,
    resources: typeof resources === "function" ? resources(config) : resources
  }
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40
}

/** An amount as a number, bytes for one with a unit; undefined when it is none. */
export const parseAmount = (amount: Amount): number | undefined => {
  const [, digits, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(String(amount)) ?? []
  const factor = units[unit.toLowerCase()]
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor
}

/** An amount for people: bytes in the largest unit that leaves no fraction. */
export const renderAmount = (resource: string, amount: number): string => {
  if (resource !== "memory") return String(amount)
  for (const [unit, factor] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]] as const) {
    if (amount >= factor && amount % factor === 0) return `${amount / factor} ${unit}`
  }
  return amount >= 2 ** 30 ? `${(amount / 2 ** 30).toFixed(1)} GiB` : `${amount} bytes`
}
