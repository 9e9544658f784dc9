/** Trains a policy on weighted sequences: what reflective-sft and update do. */
import * as Effect from "effect/Effect"
import type { WeightedSequence } from "../../runtime/policy/SequenceBatch.ts"
import { type TrainingOptions, trainObjective } from "./TrainObjective.ts"

export interface TrainOptions extends TrainingOptions {
  /** The weighted sequences of each step. */
  readonly steps: ReadonlyArray<ReadonlyArray<WeightedSequence>>
}

/** The row of the trained policy. Without a step to take, the policy stays what it was. */
export const trainPolicy = Effect.fn("trainPolicy")(function*({ steps, ...options }: TrainOptions) {
  const { weightedItem, weightedNll } = yield* Effect.promise(() => import("../../runtime/policy/loss/WeightedNll.ts"))
  return yield* trainObjective({
    ...options,
    objective: weightedNll,
    steps: steps.map((sequences) => sequences.map(weightedItem))
  })
})
