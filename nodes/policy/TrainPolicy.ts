/** Trains a policy on weighted sequences and stores the result: the row that reflective-sft and update give. */
import * as Effect from "effect/Effect"
import type { Node, TableType } from "gemflow"
import { ArtifactStore, type Policy as PolicyTable } from "gemflow/artifacts"
import type { Policy, TrainRequest } from "../../runtime/policy/Policy.ts"
import type { WeightedSequence } from "../../runtime/policy/SequenceBatch.ts"

export interface TrainOptions {
  readonly policy: Policy
  /** The store's digest of the checkpoint that `policy` was opened from. */
  readonly checkpoint: string
  /** The weighted sequences of each step. */
  readonly steps: ReadonlyArray<ReadonlyArray<WeightedSequence>>
  readonly optimiser: Omit<TrainRequest, "objective" | "steps" | "onStep">
  readonly origin: "pretrain" | "reflective-sft" | "update"
  /** Training sequences that were cut to the context. */
  readonly truncated: number
  readonly progress: (progress: Node.Progress) => Effect.Effect<void>
}

/** The row of the trained policy. Without a step to take, the policy stays what it was. */
export const trainPolicy = Effect.fn("trainPolicy")(function*(options: TrainOptions) {
  const { checkpoint, optimiser, origin, policy, progress, truncated } = options
  const row = {
    architecture: policy.config.architecture,
    parameters: policy.parameters,
    origin,
    truncated
  }
  if (options.steps.length === 0) return [untrained(checkpoint, row)]

  const { weightedItem, weightedNll } = yield* Effect.promise(() => import("../../runtime/policy/loss/WeightedNll.ts"))
  const { save, steps } = yield* policy.train({
    ...optimiser,
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
  const trained: TableType.Row<typeof PolicyTable> = {
    ...untrained(digest, row),
    steps: steps.length,
    step_loss: Float32Array.from(steps, ({ loss }) => loss),
    step_grad_norm: Float32Array.from(steps, ({ gradNorm }) => gradNorm),
    step_learning_rate: Float32Array.from(steps, ({ learningRate }) => learningRate),
    num_tokens: steps.reduce((sum, { tokens }) => sum + tokens, 0)
  }
  return [trained]
})

type Facts = Pick<TableType.Row<typeof PolicyTable>, "architecture" | "parameters" | "origin" | "truncated">

/** The row of a policy that took no optimiser step. */
export const untrained = (checkpoint: string, facts: Facts): TableType.Row<typeof PolicyTable> => ({
  policy_id: checkpoint,
  checkpoint,
  steps: 0,
  step_loss: new Float32Array(0),
  step_grad_norm: new Float32Array(0),
  step_learning_rate: new Float32Array(0),
  num_tokens: 0,
  ...facts
})
