/** Rows of the Policy table: what a policy is made of, and its id. */
import type { TableType } from "gemflow"
import { digestJson, type Policy } from "gemflow/artifacts"

type Row = TableType.Row<typeof Policy>

/** What a policy is made of; a whole checkpoint needs naming alone. */
export type PolicyFiles = Pick<Row, "checkpoint"> & Partial<Pick<Row, "adapter" | "base_weights">>

/** The checkpoint's digest, where a policy is no more than that. */
export const policyId = ({ adapter = null, base_weights = null, checkpoint }: PolicyFiles): string =>
  adapter === null && base_weights === null ? checkpoint : digestJson({ checkpoint, adapter, base_weights })

/** The row of a policy that took no optimiser step. */
export const untrained = (
  files: PolicyFiles,
  facts: Pick<Row, "architecture" | "parameters" | "origin" | "truncated">
): Row => ({
  policy_id: policyId(files),
  checkpoint: files.checkpoint,
  adapter: files.adapter ?? null,
  base_weights: files.base_weights ?? null,
  steps: 0,
  step_loss: new Float32Array(0),
  step_grad_norm: new Float32Array(0),
  step_learning_rate: new Float32Array(0),
  curves: [],
  num_tokens: 0,
  ...facts
})
