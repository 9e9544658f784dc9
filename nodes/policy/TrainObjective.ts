/** Trains a policy with any loss and stores the result: the row that every node which trains gives. */
import * as Effect from "effect/Effect"
import { type Node, type TableType, Workspace } from "gemflow"
import { ArtifactStore, type Policy as PolicyTable } from "gemflow/artifacts"
import { join } from "node:path"
import { linearModules } from "../../runtime/policy/adapter/AdapterConfig.ts"
import type { ModelConfig } from "../../runtime/policy/model/ModelConfig.ts"
import type { EvaluateRequest, Policy, TrainRequest } from "../../runtime/policy/Policy.ts"
import type { Objective, TrainItem } from "../../runtime/policy/train/Objective.ts"
import type { AdapterFields } from "../config/Adapter.ts"
import { curvesOf } from "./Curves.ts"
import { type PolicyFiles, untrained } from "./PolicyRow.ts"

export interface TrainingOptions {
  readonly policy: Policy
  /** What `policy` was opened from, in the store. */
  readonly files: PolicyFiles
  /** Trains an adapter of this form; absent, all weights or the adapter that the policy has. */
  readonly adapter?: AdapterFields | undefined
  readonly optimiser: Omit<TrainRequest, "objective" | "steps" | "onStep" | "resume" | "evaluate"> & {
    /** Steps between two states that a later run can continue from; 0 keeps none. */
    readonly saveEverySteps: number
  }
  /** The node that trains, as the row says it. */
  readonly origin:
    | "pretrain"
    | "reflective-sft"
    | "update"
    | "dpo"
    | "ipo"
    | "pro"
    | "ppo"
    | "reward-model"
    | "pairwise-update"
  /** Training sequences that were cut to the context. */
  readonly truncated: number
  /** Metrics of each step that are known before it is taken. */
  readonly metrics?: ReadonlyArray<Readonly<Record<string, number>>>
  /** Items that are not trained on, to be looked at as training goes; none where there are no items. */
  readonly evaluate?: EvaluateRequest | undefined
  readonly progress: (progress: Node.Progress) => Effect.Effect<void>
}

export interface ObjectiveTraining extends TrainingOptions {
  readonly objective: Objective
  /** The items of each step. */
  readonly steps: ReadonlyArray<ReadonlyArray<TrainItem>>
}

/** The row of the trained policy. Without a step to take, the policy stays what it was. */
export const trainObjective = Effect.fn("trainObjective")(function*(training: ObjectiveTraining) {
  const { adapter, evaluate, files: from, objective, origin, policy, progress, truncated } = training
  const { saveEverySteps: everySteps, ...optimiser } = training.optimiser
  const row = {
    architecture: policy.config.architecture,
    parameters: policy.parameters,
    origin,
    truncated
  }
  if (training.steps.length === 0) return [untrained(from, row)]

  const workspace = yield* Workspace
  const trained = yield* policy.train({
    ...optimiser,
    ...(everySteps > 0 && { resume: { directory: join(yield* workspace.folder, "training"), everySteps } }),
    ...(adapter !== undefined && { adapter: adapterForm(policy.config, adapter) }),
    ...(evaluate !== undefined && evaluate.items.length > 0 && { evaluate }),
    objective,
    steps: training.steps,
    onStep: ({ step, totalSteps }) => progress({ done: step, total: totalSteps, unit: "steps" })
  })
  const { FileSystem } = yield* Effect.promise(() => import("effect/FileSystem"))
  const files = yield* FileSystem
  const store = yield* ArtifactStore
  const directory = yield* files.makeTempDirectoryScoped({ prefix: "gemflow-policy-" })
  yield* trained.save(directory)
  const digest = yield* store.putDirectory(directory)
  const { format, steps } = trained
  const made = format === "adapter" ? { ...from, adapter: digest } : { checkpoint: digest }
  const result: TableType.Row<typeof PolicyTable> = {
    ...untrained(made, row),
    steps: steps.length,
    step_loss: Float32Array.from(steps, ({ loss }) => loss),
    step_grad_norm: Float32Array.from(steps, ({ gradNorm }) => gradNorm),
    step_learning_rate: Float32Array.from(steps, ({ learningRate }) => learningRate),
    curves: curvesOf(trained, training.steps, training.metrics),
    num_tokens: steps.reduce((sum, { tokens }) => sum + tokens, 0)
  }
  return [result]
})

const adapterForm = (model: ModelConfig, fields: AdapterFields) => ({
  rank: fields.rank,
  alpha: fields.alpha,
  rankStabilised: fields.rank_stabilised,
  dropout: fields.dropout,
  modules: linearModules(model, fields.target_modules)
})
