/**
 * Everything that can happen in a run: the one thing the executor puts out. The terminal display, the `--json` lines, the
 * OpenLineage events and the OpenTelemetry spans are renderers of it. docs/observability.md tells each to users.
 */
import * as Schema from "effect/Schema"

const Milliseconds = Schema.Int
const Node = {
  /** The instance's name in the pipeline. */
  node: Schema.String,
  /** The node's own name. */
  kind: Schema.String
}
/** Why a node has to be executed; both are empty when it is cached. */
const Why = {
  /** By the names that `gemflow plan` uses. */
  reasons: Schema.Array(Schema.String),
  /** What the reasons rest on, e.g. `config: lambda 1 -> 0.5`. */
  details: Schema.Array(Schema.String)
}

export const RunStarted = Schema.Struct({
  type: Schema.tag("RunStarted"),
  run: Schema.String,
  pipeline: Schema.String,
  file: Schema.String,
  store: Schema.String,
  /** The devices of this run by name, the CPU's as often as it has workers. */
  devices: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The instances of this run, each after those it reads. */
  nodes: Schema.Array(Schema.Struct({ ...Node, inputs: Schema.Array(Schema.String) }))
})

/** A node's result is being made by another run, and this one waits for it. */
export const NodeWaiting = Schema.Struct({
  type: Schema.tag("NodeWaiting"),
  ...Node,
  /** What it waits for, e.g. `run 20260102-030405-a1b2 (process 4711)`. */
  waitsFor: Schema.String
})

/** A node has to be executed and now is. */
export const NodeStarted = Schema.Struct({
  type: Schema.tag("NodeStarted"),
  ...Node,
  ...Why,
  /** Several, separated by commas, where the node was leased several. */
  device: Schema.NullOr(Schema.String)
})

/** At most some ten per second and node. */
export const NodeProgress = Schema.Struct({
  type: Schema.tag("NodeProgress"),
  ...Node,
  done: Schema.Finite,
  total: Schema.Finite,
  unit: Schema.String,
  /** What a person should know of this execution, e.g. `continued from step 400`. */
  note: Schema.optionalKey(Schema.String)
})

/** A part of a mapped node's rows is done. */
export const PartitionFinished = Schema.Struct({
  type: Schema.tag("PartitionFinished"),
  ...Node,
  position: Schema.Int,
  /** How many partitions the node has; null while that is unknown. */
  of: Schema.NullOr(Schema.Int),
  status: Schema.Literals(["executed", "cached"]),
  rows: Schema.Int,
  durationMs: Milliseconds
})

/** An attempt at a node failed, and another one follows. */
export const NodeRetrying = Schema.Struct({
  type: Schema.tag("NodeRetrying"),
  ...Node,
  /** The attempt that failed, from 1. */
  attempt: Schema.Int,
  /** How many attempts there are at most. */
  of: Schema.Int,
  message: Schema.String,
  /** How long after this the next attempt begins. */
  delayMs: Milliseconds
})

export const NodeFinished = Schema.Struct({
  type: Schema.tag("NodeFinished"),
  ...Node,
  status: Schema.Literals(["executed", "cached"]),
  /** Digest of the key, by which the catalog finds the action. */
  key: Schema.optionalKey(Schema.String),
  /** Digest of the output. */
  digest: Schema.String,
  rows: Schema.Int,
  durationMs: Milliseconds,
  ...Why
})

export const NodeFailed = Schema.Struct({
  type: Schema.tag("NodeFailed"),
  ...Node,
  message: Schema.String,
  durationMs: Milliseconds
})

/** A node that cannot run because one it depends on failed. */
export const NodeSkipped = Schema.Struct({
  type: Schema.tag("NodeSkipped"),
  ...Node,
  /** The node that failed. */
  because: Schema.String
})

/** A stored artifact is missing or damaged, so its node is executed again. */
export const ArtifactLost = Schema.Struct({
  type: Schema.tag("ArtifactLost"),
  ...Node,
  digest: Schema.String,
  message: Schema.String
})

export const RunInterrupted = Schema.Struct({ type: Schema.tag("RunInterrupted"), run: Schema.String })

/** Always the last event. A skipped node counts in none of the numbers. */
export const RunFinished = Schema.Struct({
  type: Schema.tag("RunFinished"),
  run: Schema.String,
  executed: Schema.Int,
  cached: Schema.Int,
  failed: Schema.Int,
  durationMs: Milliseconds
})
export type RunFinished = typeof RunFinished.Type

export const Event = Schema.Union([
  RunStarted,
  NodeWaiting,
  NodeStarted,
  NodeProgress,
  PartitionFinished,
  NodeRetrying,
  NodeFinished,
  NodeFailed,
  NodeSkipped,
  ArtifactLost,
  RunInterrupted,
  RunFinished
])
export type Event = typeof Event.Type

/** Where events go. Called in order, one at a time; must not fail. */
export type EventSink = (event: Event) => void
