/** Cuts a long generation in several runs of its program: for progress, interruption and early ends. */
import { availableParallelism } from "node:os"
import type { BatchLimits } from "../Batches.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { parameterCount } from "../model/ModelTensors.ts"
import { CHUNK } from "./GenerateProgram.ts"

/** What carrying caches from one run to the next may add to the time of generating. */
const SHARE = 0.02

/** Shorter runs serve nobody. */
const SECONDS = 1

// Measured on a CPU (runtime/onnx/README.md, docs/performance.md); estimates that decide where runs are cut, not what they give.
const COPY_SECONDS_PER_BYTE = 1e-9
const READ_SECONDS_PER_BYTE = 1e-10
const FLOPS_PER_CORE = 7.5e10

/** Bytes of the keys and values of one token in all layers. */
export const cacheBytes = ({ headSize, keyValueHeads, layers }: ModelConfig): number =>
  4 * 2 * layers * keyValueHeads * headSize

export interface Generating {
  readonly prompts: number
  readonly candidates: number
  /** Of the longest prompt. */
  readonly promptLength: number
  readonly maxNewTokens: number
}

/**
 * Steps of each run: as many runs as take a second, if the caches that are copied from each to the next cost no more than
 * SHARE of the time of computing. Runs end where a chunk of the cache ends: where they are cut changes no bit.
 *
 * @param cut steps of a run, if they are not to be estimated.
 */
export const runSteps = (
  config: ModelConfig,
  { candidates, maxNewTokens, promptLength, prompts }: Generating,
  cut: BatchLimits["runTokens"]
): ReadonlyArray<number> => {
  if (cut !== undefined) return runsOf(maxNewTokens, cut)
  const bytes = cacheBytes(config)
  // Of one candidate: its token through all weights, and the keys and values it looks at.
  const seconds = maxNewTokens * (2 * parameterCount(config) / (FLOPS_PER_CORE * availableParallelism())
    + bytes * (promptLength + maxNewTokens / 2) * READ_SECONDS_PER_BYTE)
  const affordable = (runs: ReadonlyArray<number>): boolean => {
    let made = 0
    let copied = promptLength / candidates
    for (const steps of runs.slice(0, -1)) copied += made += steps
    return copied * bytes * COPY_SECONDS_PER_BYTE <= SHARE * seconds
  }
  const useful = Math.ceil(Math.min(maxNewTokens / CHUNK, prompts * candidates * seconds / SECONDS))
  for (let count = useful; count > 1; count--) {
    const runs = runsOf(maxNewTokens, maxNewTokens / count)
    if (affordable(runs)) return runs
  }
  return [maxNewTokens]
}

/** Runs of whole chunks, of at least `steps` each but the last. */
const runsOf = (total: number, steps: number): ReadonlyArray<number> => {
  const whole = Math.min(total, Math.ceil(steps / CHUNK) * CHUNK)
  return Array.from({ length: Math.ceil(total / whole) }, (_, run) => Math.min(whole, total - run * whole))
}
