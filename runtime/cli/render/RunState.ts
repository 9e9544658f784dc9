/**
 * Where a run stands, kept up to date event by event: what the live display and the progress lines of a log show. An event
 * costs the same however many nodes there are.
 */
import type { Event } from "../../execution/Event.ts"
import { type DeviceUse, deviceUse } from "./DeviceUse.ts"
import { type Rate, rate } from "./Rate.ts"

/** A node that is being executed. */
export interface RunningNode {
  readonly node: string
  readonly device: string | null
  readonly since: number
  progress?: { readonly done: number; readonly total: number; readonly unit: string; readonly rate: Rate }
  /** `of` is null while unknown. */
  partitions?: { readonly done: number; readonly of: number | null; readonly cached: number; readonly rate: Rate }
  /** E.g. `continued from step 400`. */
  note?: string
  /** E.g. `attempt 2 of 3`. */
  attempt?: string
}

/** Nodes that were skipped because one failed: how many, and the first of them. */
export interface Skipped {
  readonly count: number
  readonly first: ReadonlyArray<string>
}

export interface RunState {
  readonly counts: {
    readonly startedAt: number
    readonly total: number
    readonly executed: number
    readonly cached: number
    readonly failed: number
    readonly skipped: number
  }
  /** In the order in which they started. */
  readonly running: ReadonlyMap<string, RunningNode>
  /** Per node that waits for another run, for what. */
  readonly waiting: ReadonlyMap<string, string>
  /** Per node that failed, what was skipped because of it. */
  readonly skippedBecause: ReadonlyMap<string, Skipped>
  readonly devices: DeviceUse
  readonly apply: (event: Event, at: number) => void
}

/** So many nodes are named where more were skipped. */
const mostNamed = 4

export const runState = (): RunState => {
  const running = new Map<string, RunningNode>()
  const waiting = new Map<string, string>()
  const skippedBecause = new Map<string, Skipped>()
  const devices = deviceUse()
  const counts = { startedAt: 0, total: 0, executed: 0, cached: 0, failed: 0, skipped: 0 }

  const leave = (node: string, at: number) => {
    const left = running.get(node)
    if (left?.device != null) devices.release(node, left.device, at)
    running.delete(node)
    waiting.delete(node)
  }

  const apply = (event: Event, at: number) => {
    switch (event.type) {
      case "RunStarted":
        counts.startedAt = at
        counts.total = event.nodes.length
        devices.begin(event.devices ?? [], at)
        return
      case "NodeWaiting":
        waiting.set(event.node, event.waitsFor)
        return
      case "NodeStarted": {
        const { attempt } = running.get(event.node) ?? {}
        leave(event.node, at)
        running.set(event.node, {
          node: event.node,
          device: event.device,
          since: at,
          ...(attempt === undefined ? {} : { attempt })
        })
        if (event.device !== null) devices.take(event.node, event.device, at)
        return
      }
      case "NodeProgress": {
        const node = running.get(event.node)
        if (node === undefined) return
        const { done, note, total, unit } = event
        const known = node.progress?.unit === unit ? node.progress.rate : rate()
        known.report(done, at)
        node.progress = { done, total, unit, rate: known }
        if (note !== undefined) node.note = note
        return
      }
      case "PartitionFinished": {
        const node = running.get(event.node)
        if (node === undefined) return
        const { cached, done, rate: known } = node.partitions ?? { done: 0, cached: 0, rate: partitionRate(node.since) }
        // It was an attempt at one partition, which has come to its end.
        delete node.attempt
        const isCached = event.status === "cached"
        // What comes from the store says nothing of how long the rest will take.
        if (!isCached) known.report(done + 1 - cached, at)
        node.partitions = { done: done + 1, of: event.of, cached: cached + (isCached ? 1 : 0), rate: known }
        return
      }
      case "NodeRetrying": {
        const node = running.get(event.node)
        if (node !== undefined) node.attempt = `attempt ${event.attempt + 1} of ${event.of}`
        return
      }
      case "NodeFinished":
        leave(event.node, at)
        counts[event.status]++
        return
      case "NodeFailed":
        leave(event.node, at)
        counts.failed++
        return
      case "NodeSkipped": {
        leave(event.node, at)
        counts.skipped++
        const { count, first } = skippedBecause.get(event.because) ?? { count: 0, first: [] }
        const named = first.length < mostNamed ? [...first, event.node] : first
        skippedBecause.set(event.because, { count: count + 1, first: named })
        return
      }
      case "ArtifactLost":
        return
      case "RunInterrupted":
      case "RunFinished":
        running.clear()
        waiting.clear()
        return
    }
  }
  return { counts, running, waiting, skippedBecause, devices, apply }
}

const partitionRate = (since: number): Rate => {
  const made = rate()
  made.report(0, since)
  return made
}
