import type { Event } from "../../../runtime/execution/Event.ts"

/** A run in which everything happens once that can happen, to the given node; `preference-pairs` fails. */
export const eventsOfEachKind = (node: string, kind: string): ReadonlyArray<Event> => {
  const names = { node, kind }
  const other = { node: "preference-pairs", kind: "preference-pairs" }
  const digest = "0".repeat(64)
  return [
    {
      type: "RunStarted",
      run: "20260102-030405-a1b2",
      pipeline: "gem",
      file: "/gem.ts",
      store: "/store",
      devices: ["cuda:0"],
      nodes: [{ ...other, inputs: [] }, { ...names, inputs: [other.node] }]
    },
    { type: "NodeWaiting", ...names, waitsFor: "run q (process 7)" },
    { type: "NodeStarted", ...names, reasons: ["config"], details: ["config: k 4 -> 5"], device: "cuda:0" },
    { type: "NodeProgress", ...names, done: 1, total: 2, unit: "tokens", note: "continued from step 1" },
    { type: "PartitionFinished", ...names, position: 3, of: null, status: "executed", rows: 5, durationMs: 4 },
    { type: "NodeRetrying", ...names, attempt: 1, of: 3, message: "busy", delayMs: 10 },
    { type: "ArtifactLost", ...names, digest, message: "gone" },
    {
      type: "NodeFinished",
      ...names,
      status: "executed",
      key: "1".repeat(64),
      digest,
      rows: 12,
      durationMs: 5,
      reasons: ["config"],
      details: ["config: k 4 -> 5"]
    },
    { type: "NodeFailed", ...other, message: "no such file", durationMs: 2 },
    { type: "NodeSkipped", node: "split", kind: "split", because: other.node },
    { type: "RunInterrupted", run: "20260102-030405-a1b2" },
    { type: "RunFinished", run: "20260102-030405-a1b2", executed: 1, cached: 0, failed: 1, durationMs: 20 }
  ]
}
