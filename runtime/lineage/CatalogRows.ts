/** The rows of the run catalog as values. */
import * as Schema from "effect/Schema"

/** Text that holds JSON. */
const json = <S extends Schema.Top>(schema: S) => Schema.fromJsonString(schema)

export const RunStatus = Schema.Literals(["running", "succeeded", "failed", "interrupted"])
export type RunStatus = typeof RunStatus.Type

/** One run of a pipeline. Times are milliseconds since 1970. */
export const RunRow = Schema.Struct({
  run: Schema.String,
  pipeline: Schema.String,
  file: Schema.String,
  settings: json(Schema.Array(Schema.String)),
  host: Schema.String,
  pid: Schema.Int,
  started_at: Schema.Int,
  finished_at: Schema.NullOr(Schema.Int),
  status: RunStatus,
  executed: Schema.Int,
  cached: Schema.Int,
  failed: Schema.Int
})
export type RunRow = typeof RunRow.Type

export const ExecutionStatus = Schema.Literals(["executed", "cached", "failed", "skipped"])
export type ExecutionStatus = typeof ExecutionStatus.Type

/** What became of one node instance in one run. */
export const ExecutionRow = Schema.Struct({
  run: Schema.String,
  node: Schema.String,
  kind: Schema.String,
  status: ExecutionStatus,
  key_digest: Schema.NullOr(Schema.String),
  output: Schema.NullOr(Schema.String),
  row_count: Schema.NullOr(Schema.Int),
  reasons: json(Schema.Array(Schema.String)),
  device: Schema.NullOr(Schema.String),
  started_at: Schema.Int,
  duration_ms: Schema.Int,
  error: Schema.NullOr(Schema.String)
})
export type ExecutionRow = typeof ExecutionRow.Type

/** One artifact that went into one input of one node instance in one run. */
export const InputRow = Schema.Struct({
  run: Schema.String,
  node: Schema.String,
  input: Schema.String,
  position: Schema.Int,
  source: Schema.String,
  artifact: Schema.String
})
export type InputRow = typeof InputRow.Type

/** What a key gave: an entry of the action cache. */
export const ActionRow = Schema.Struct({
  key_digest: Schema.String,
  key: json(Schema.Unknown),
  output: Schema.String,
  type: Schema.String,
  row_count: Schema.Int,
  bytes: Schema.Int,
  columns: json(Schema.Record(Schema.String, Schema.String)),
  run: Schema.String,
  node: Schema.String,
  created_at: Schema.Int
})
export type ActionRow = typeof ActionRow.Type

/** One of the partition actions whose outputs, in order of position, are the output of a mapped node's action. */
export const PartitionRow = Schema.Struct({
  key_digest: Schema.String,
  position: Schema.Int,
  partition_key: Schema.String,
  output: Schema.String,
  row_count: Schema.Int
})
export type PartitionRow = typeof PartitionRow.Type
