/** How the steps of a request run: which items share a forward pass, and which steps share a run. */
import type { BatchLimits } from "../Batches.ts"
import { sequenceBatches } from "../Batches.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { parameterCount } from "../model/ModelTensors.ts"
import { evenBatches } from "../parallel/Shares.ts"
import { type MicroBatchShape, shapeOf, tokensRead } from "./MicroBatch.ts"
import type { TrainItem } from "./Objective.ts"
import type { Training } from "./TrainPrograms.ts"

export interface PlannedBatch {
  readonly items: ReadonlyArray<TrainItem>
  readonly shape: MicroBatchShape
}

export interface PlannedStep {
  /** 0-based position in the request. */
  readonly index: number
  readonly batches: ReadonlyArray<PlannedBatch>
}

/**
 * The micro-batches of a step: items of similar length, each group within the limits when padded to its longest.
 *
 * @param workers that the step is for: there is work for each, where there are items enough.
 */
export const planStep = (
  { config, objective, recompute }: Pick<Training, "config" | "objective" | "recompute">,
  items: ReadonlyArray<TrainItem>,
  index: number,
  limits: BatchLimits,
  workers = 1
): PlannedStep => {
  const lengths = items.map(({ sequences }) =>
    sequences.reduce((most, sequence) => Math.max(most, tokensRead(sequence, objective.reads)), 1)
  )
  const perItem = objective.sequencesPerItem
  const each = { ...limits, bytes: limits.bytes / perItem, tokens: Math.floor(limits.tokens / perItem) }
  const within = (tokens: number) =>
    sequenceBatches(config, lengths, recompute ? "recompute" : "train", { ...each, tokens })
  const batches = evenBatches(within, each.tokens, workers).map((indices) => {
    const members = indices.flatMap((index) => items[index] ?? [])
    return { items: members, shape: shapeOf(objective, members) }
  })
  return { index, batches }
}

/** Work after which a run ends, in floating-point operations: some seconds of two cores, so that interruption is heard. */
const OPERATIONS_PER_RUN = 2e11
const MOST_STEPS_PER_RUN = 16

/**
 * Neighbouring steps that run as one Loop: each of a single micro-batch, of equal shapes. The others stand alone.
 * Grouping saves carrying weights and moments between runs, and changes no number.
 *
 * @param most steps of a run, at most.
 */
export const planRuns = (
  config: ModelConfig,
  steps: ReadonlyArray<PlannedStep>,
  most = MOST_STEPS_PER_RUN
): ReadonlyArray<ReadonlyArray<PlannedStep>> => {
  const runs: Array<Array<PlannedStep>> = []
  for (const step of steps) {
    const run = runs.at(-1)
    const first = run?.[0]
    const room = Math.min(most, stepsPerRun(config, step))
    if (run !== undefined && first !== undefined && run.length < room && sameShape(first, step)) {
      run.push(step)
    } else runs.push([step])
  }
  return runs
}

/** Tokens of the forward pass, padding included. */
export const paddedTokens = ({ items, shape }: PlannedBatch): number =>
  shape.length * shape.items * (items[0]?.sequences.length ?? 1)

const sameShape = (a: PlannedStep, b: PlannedStep): boolean =>
  a.batches.length === 1 && b.batches.length === 1 &&
  JSON.stringify(a.batches[0]?.shape) === JSON.stringify(b.batches[0]?.shape)

/** Forward and backward take about six operations per parameter and token. */
const stepsPerRun = (config: ModelConfig, { batches }: PlannedStep): number => {
  const tokens = batches.reduce((sum, batch) => sum + paddedTokens(batch), 0)
  const operations = 6 * parameterCount(config) * tokens
  return Math.max(1, Math.min(MOST_STEPS_PER_RUN, Math.floor(OPERATIONS_PER_RUN / operations)))
}
