/**
 * Everything that can happen in a run: the one thing the executor puts out. The terminal display and the `--json` lines
 * are renderers of it.
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
  /** The instances of this run, each after those it reads. */
  nodes: Schema.Array(Schema.Struct({ ...Node, inputs: Schema.Array(Schema.String) }))
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
  unit: Schema.String
})

export const NodeFinished = Schema.Struct({
  type: Schema.tag("NodeFinished"),
  ...Node,
  status: Schema.Literals(["executed", "cached"]),
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
  NodeStarted,
  NodeProgress,
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
