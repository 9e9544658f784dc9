import { chunksOf } from "effect/Array"
import { meanOverTokens, type SftSequence } from "../../nodes/sft/SftSteps.ts"
import { seededRandom, shuffled } from "../../nodes/statistics/Random.ts"

/** How many batches are cut from one run of sequences sorted by length. */
const POOL_BATCHES = 4

/** The weighted sequences of each step; the weight makes a step's loss a mean over its response tokens. */
export const batches = (sequences: ReadonlyArray<SftSequence>, size: number, seed: number) => {
  const random = seededRandom(seed)
  const length = ({ prompt, response }: SftSequence) => prompt.length + response.length
  return chunksOf(sequences, size * POOL_BATCHES).flatMap((pool) =>
    shuffled(chunksOf(pool.toSorted((a, b) => length(a) - length(b)), size), random).map(meanOverTokens)
  )
}
