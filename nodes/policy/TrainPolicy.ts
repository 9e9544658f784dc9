/** Trains a policy on weighted sequences and stores the result: the row that reflective-sft and update give. */
import * as Effect from "effect/Effect"
import { type Node, type TableType, Workspace } from "gemflow"
import { ArtifactStore, type Policy as PolicyTable } from "gemflow/artifacts"
import { join } from "node:path"
import { linearModules } from "../../runtime/policy/adapter/AdapterConfig.ts"
import type { ModelConfig } from "../../runtime/policy/model/ModelConfig.ts"
import type { Policy, TrainRequest } from "../../runtime/policy/Policy.ts"
import type { WeightedSequence } from "../../runtime/policy/SequenceBatch.ts"
import type { AdapterFields } from "../config/Adapter.ts"
import { type PolicyFiles, untrained } from "./PolicyRow.ts"

export interface TrainOptions {
  readonly policy: Policy
  /** What `policy` was opened from, in the store. */
  readonly files: PolicyFiles
  /** Trains an adapter of this form; absent, all weights or the adapter that the policy has. */
  readonly adapter?: AdapterFields | undefined
  /** The weighted sequences of each step. */
  readonly steps: ReadonlyArray<ReadonlyArray<WeightedSequence>>
  readonly optimiser: Omit<TrainRequest, "objective" | "steps" | "onStep" | "resume"> & {
    /** Steps between two states that a later run can continue from; 0 keeps none. */
    readonly saveEverySteps: number
  }
  readonly origin: "pretrain" | "reflective-sft" | "update"
  /** Training sequences that were cut to the context. */
  readonly truncated: number
  readonly progress: (progress: Node.Progress) => Effect.Effect<void>
}

/** The row of the trained policy. Without a step to take, the policy stays what it was. */
export const trainPolicy = Effect.fn("trainPolicy")(function*(options: TrainOptions) {
  const { adapter, files: from, origin, policy, progress, truncated } = options
  const { saveEverySteps: everySteps, ...optimiser } = options.optimiser
  const row = {
    architecture: policy.config.architecture,
    parameters: policy.parameters,
    origin,
    truncated
  }
  if (options.steps.length === 0) return [untrained(from, row)]

  const { weightedItem, weightedNll } = yield* Effect.promise(() => import("../../runtime/policy/loss/WeightedNll.ts"))
  const workspace = yield* Workspace
  const { format, save, steps } = yield* policy.train({
    ...optimiser,
    ...(everySteps > 0 && { resume: { directory: join(yield* workspace.folder, "training"), everySteps } }),
    ...(adapter !== undefined && { adapter: adapterForm(policy.config, adapter) }),
    objective: weightedNll,
    steps: options.steps.map((sequences) => sequences.map(weightedItem)),
    onStep: ({ step, totalSteps }) => progress({ done: step, total: totalSteps, unit: "steps" })
  })
  const { FileSystem } = yield* Effect.promise(() => import("effect/FileSystem"))
  const files = yield* FileSystem
  const store = yield* ArtifactStore
  const directory = yield* files.makeTempDirectoryScoped({ prefix: "gemflow-policy-" })
  yield* save(directory)
  const digest = yield* store.putDirectory(directory)
  const made = format === "adapter" ? { ...from, adapter: digest } : { checkpoint: digest }
  const trained: TableType.Row<typeof PolicyTable> = {
    ...untrained(made, row),
    steps: steps.length,
    step_loss: Float32Array.from(steps, ({ loss }) => loss),
    step_grad_norm: Float32Array.from(steps, ({ gradNorm }) => gradNorm),
    step_learning_rate: Float32Array.from(steps, ({ learningRate }) => learningRate),
    num_tokens: steps.reduce((sum, { tokens }) => sum + tokens, 0)
  }
  return [trained]
})

const adapterForm = (model: ModelConfig, fields: AdapterFields) => ({
  rank: fields.rank,
  alpha: fields.alpha,
  rankStabilised: fields.rank_stabilised,
  dropout: fields.dropout,
  modules: linearModules(model, fields.target_modules)
})
