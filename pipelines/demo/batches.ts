import { seededRandom, shuffled } from "../../nodes/statistics/Random.ts"

export interface TrainingSequence {
  readonly prompt: Int32Array
  readonly response: Int32Array
}

/** How many batches are cut from one run of sequences sorted by length. */
const POOL_BATCHES = 4

/** The weighted sequences of each step; the weight makes a step's loss a mean over its response tokens. */
export const batches = (sequences: ReadonlyArray<TrainingSequence>, size: number, seed: number) => {
  const random = seededRandom(seed)
  const length = ({ prompt, response }: TrainingSequence) => prompt.length + response.length
  return chunks(sequences, size * POOL_BATCHES).flatMap((pool) =>
    shuffled(chunks(pool.toSorted((a, b) => length(a) - length(b)), size), random).map((batch) => {
      const tokens = batch.reduce((sum, { response }) => sum + response.length, 0)
      return batch.map(({ prompt, response }) => ({ prompt, response, weight: 1 / tokens }))
    })
  )
}

const chunks = <A>(items: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))
