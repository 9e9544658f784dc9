import * as Column from "../Column.ts"
import * as TableType from "../TableType.ts"

/**
 * A policy (one row): a checkpoint directory in the store, with an adapter beside it or not, where it came from and the
 * curves of its training.
 */
export const Policy = TableType.make("Policy", {
  policy_id: Column.utf8({ doc: "Stable id of the policy: the digest of what it is made of." }),
  checkpoint: Column.digest({ doc: "The checkpoint: a directory in the HuggingFace layout." }),
  adapter: Column.digest({
    doc: "The LoRA adapter beside the checkpoint: a directory in the PEFT layout. Null where the checkpoint is all.",
    nullable: true
  }),
  base_weights: Column.utf8({
    doc:
      "int8 or int4 where the policy computes with the checkpoint's linear layers quantised to that; null as they are.",
    nullable: true
  }),
  architecture: Column.utf8({ doc: "Architecture named by the checkpoint's config.json." }),
  // Not an int32: a model of 8 billion weights exceeds it.
  parameters: Column.float64({ doc: "Number of weights.", unit: "weights" }),
  origin: Column.utf8({ doc: "What made it: the name of the node, or checkpoint." }),
  steps: Column.int32({ doc: "Optimiser steps that the node which made it took; 0 for a checkpoint.", unit: "steps" }),
  step_loss: Column.list(Column.float32(), { doc: "Loss of each step.", unit: "nats" }),
  step_grad_norm: Column.list(Column.float32(), { doc: "Global gradient norm of each step, before clipping." }),
  step_learning_rate: Column.list(Column.float32(), { doc: "Learning rate of each step." }),
  curves: Column.list(
    Column.struct({
      metric: Column.utf8({ doc: "Its name, TRL's where it has one; those of held-out data begin with eval_." }),
      step: Column.list(Column.int32(), {
        doc: "Steps taken when it was measured; a step's own values carry its number."
      }),
      value: Column.list(Column.float64(), { doc: "Its values there." })
    }),
    {
      doc:
        "Further curves of its training: what its loss reports beside itself, and what was measured on held-out data."
    }
  ),
  num_tokens: Column.int32({ doc: "Response tokens trained on, over all steps.", unit: "tokens" }),
  truncated: Column.int32({ doc: "Training sequences that were cut to the context.", unit: "sequences" })
})
