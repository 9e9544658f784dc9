/** A run under way in words: what runs, how fast, how much is left, which node is on which device. */
import { pad } from "./Clip.ts"
import { displayWidth } from "./DisplayWidth.ts"
import { count, formatNumber, formatRate, formatWhole } from "./Numbers.ts"
import type { RunningNode, RunState } from "./RunState.ts"
import { oneLine } from "./TextTable.ts"

interface Part {
  readonly text: string
  /** Where the line is too wide, parts of a higher number are left out first. */
  readonly rank: number
}

/** A running node in a line of at most `width` cells, unless its name alone is wider. */
export const runningLine = (node: RunningNode, nameWidth: number, width: number, at: number): string =>
  fitted([{ text: `▸ ${pad(node.node, nameWidth)}`, rank: 0 }, ...nodeParts(node, at)], "  ", width)

/** A running node among others in a line: without a bar. */
export const runningPhrase = (node: RunningNode, at: number): string =>
  [node.node, ...nodeParts(node, at).filter(({ rank }) => rank < 6).map(({ text }) => text)].join(" ")

const nodeParts = (node: RunningNode, at: number): ReadonlyArray<Part> => {
  const { attempt, device, note, partitions, progress, since } = node
  const parts: Array<Part> = []
  const ofPartitions = partitions === undefined
    ? undefined
    : `${formatNumber(partitions.done)}/${partitions.of === null ? "?" : formatNumber(partitions.of)} partitions`
  // What a node reports is finer than partitions, but of those that come from the store it knows nothing.
  if (progress !== undefined && progress.total > 0 && (partitions === undefined || partitions.cached === 0)) {
    const { done, total, unit } = progress
    parts.push({ text: bar(done / total), rank: 6 })
    parts.push({ text: `${formatNumber(done)}/${formatNumber(total)} ${oneLine(unit)}`, rank: 1 })
    if (ofPartitions !== undefined) parts.push({ text: ofPartitions, rank: 5 })
    parts.push(...speed(progress.rate, total, at))
  } else if (partitions !== undefined && ofPartitions !== undefined) {
    const { cached, done, of, rate } = partitions
    if (of !== null && of > 0) parts.push({ text: bar(done / of), rank: 6 })
    parts.push({ text: ofPartitions, rank: 1 })
    if (cached > 0) parts.push({ text: `${formatNumber(cached)} cached`, rank: 5 })
    parts.push(...speed(rate, of === null ? undefined : of - cached, at))
  }
  parts.push({ text: formatWhole(at - since), rank: 3 })
  if (attempt !== undefined) parts.push({ text: attempt, rank: 2 })
  if (device !== null) parts.push({ text: device, rank: 4 })
  if (note !== undefined) parts.push({ text: oneLine(note), rank: 5 })
  return parts
}

const speed = (rate: NonNullable<RunningNode["progress"]>["rate"], total: number | undefined, at: number) => {
  const perSecond = rate.perSecond()
  const remaining = total === undefined ? undefined : rate.remaining(total, at)
  return [
    ...(perSecond === undefined ? [] : [{ text: formatRate(perSecond), rank: 5 }]),
    ...(remaining === undefined ? [] : [{ text: `${formatWhole(remaining)} left`, rank: 2 }])
  ]
}

/** How many nodes are done, and how, in at most `width` cells. */
export const statusText = ({ counts, running, waiting }: RunState, at: number, width = Infinity): string => {
  const { cached, executed, failed, skipped, startedAt, total } = counts
  const done = executed + cached + failed + skipped
  const told = (number: number, what: string, rank: number): ReadonlyArray<Part> =>
    number > 0 ? [{ text: `${formatNumber(number)} ${what}`, rank }] : []
  const parts = [
    { text: `${formatNumber(done)}/${count(total, "node")}`, rank: 0 },
    { text: `${formatNumber(executed)} executed`, rank: 4 },
    { text: `${formatNumber(cached)} cached`, rank: 5 },
    ...told(failed, "failed", 2),
    ...told(skipped, "skipped", 3),
    ...told(running.size, "running", 5),
    ...told(waiting.size, "waiting", 4),
    { text: formatWhole(at - startedAt), rank: 1 }
  ]
  return fitted(parts, " · ", width)
}

/** Each device with its share of busy time and who holds it; undefined while no node needed one. */
export const devicesText = ({ devices }: RunState, at: number): string | undefined =>
  devices.used()
    ? devices.uses(at).map(({ busy, count: several, device, holders }) =>
      `${device}${several > 1 ? ` ×${several}` : ""} ${Math.round(busy * 100)} % busy${
        holders.length === 0 ? "" : `: ${holders.join(", ")}`
      }`
    ).join(" · ")
    : undefined

/** What was skipped, once per node that failed. */
export const skippedLines = ({ skippedBecause }: RunState): ReadonlyArray<string> =>
  [...skippedBecause].map(([root, { count: number, first }]) => {
    const others = number - first.length
    return `${count(number, "node")} skipped because ${root} failed: ${first.join(", ")}${
      others > 0 ? ` and ${formatNumber(others)} more` : ""
    }`
  })

const fitted = (parts: ReadonlyArray<Part>, between: string, width: number): string => {
  const join = (kept: ReadonlyArray<Part>) => kept.map(({ text }) => text).join(between)
  let kept = parts
  while (kept.length > 1 && displayWidth(join(kept)) > width) {
    const least = Math.max(...kept.map(({ rank }) => rank))
    kept = kept.filter(({ rank }) => rank < least)
  }
  return join(kept)
}

const bar = (fraction: number): string => {
  const cells = 12
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * cells)
  return "█".repeat(full) + "░".repeat(cells - full)
}
