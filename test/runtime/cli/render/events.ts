/** Events of a made-up run. */
import type { Event } from "../../../../runtime/execution/Event.ts"

export const named = (node: string) => ({ node, kind: node })

export const runStarted = (nodes: ReadonlyArray<string>, devices: ReadonlyArray<string> = []): Event => ({
  type: "RunStarted",
  run: "r",
  pipeline: "gem",
  file: "gem.ts",
  store: "s",
  devices,
  nodes: nodes.map((node) => ({ ...named(node), inputs: [] }))
})

export const started = (node: string, device: string | null): Event => ({
  type: "NodeStarted",
  ...named(node),
  reasons: [],
  details: [],
  device
})

export const progress = (node: string, done: number, total: number, unit = "candidates") =>
  ({ type: "NodeProgress", ...named(node), done, total, unit }) satisfies Event

export const executed = (node: string, durationMs: number): Event => ({
  type: "NodeFinished",
  ...named(node),
  status: "executed",
  digest: "0123456789",
  rows: 12,
  durationMs,
  reasons: ["config"],
  details: ["config: k 4 -> 5"]
})

export const cached = (node: string): Event => ({
  type: "NodeFinished",
  ...named(node),
  status: "cached",
  digest: "0123456789",
  rows: 12,
  durationMs: 0,
  reasons: [],
  details: []
})

export const failed = (node: string, message: string): Event => ({
  type: "NodeFailed",
  ...named(node),
  message,
  durationMs: 5
})

export const skipped = (node: string, because: string): Event => ({ type: "NodeSkipped", ...named(node), because })

export const runFinished = (
  counts: { readonly executed?: number; readonly cached?: number; readonly failed?: number }
) =>
  ({
    type: "RunFinished",
    run: "r",
    executed: 0,
    cached: 0,
    failed: 0,
    ...counts,
    durationMs: 1000
  }) satisfies Event
