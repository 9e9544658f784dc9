/** How the language-model head is cut, so that predictions x vocabulary never exists at once. */

export interface HeadSize {
  readonly vocabulary: number
  /** The most predictions of a run; left out where only the run knows. */
  readonly predictions?: number | undefined
}

/** The largest piece of the logits that exists: `tokens` rows of `words` entries of the vocabulary. */
export interface HeadChunks {
  readonly tokens: number
  readonly words: number
}

/** Bytes that all of the head's temporary values may take. */
export const defaultBudget = 64 * 2 ** 20

/** Float32 tensors of the logits' shape that exist at once: log softmax and its exponential. */
const wholeTensors = 2
/** The same for a chunk: logits, their distance from the largest, its exponential, the product of the two. */
const chunkTensors = 4
/** So many that looking up a run of the head, once for each piece of the rows, costs little beside the products with it. */
const enoughTokens = 2048

/**
 * The whole, where it fits into `budget` bytes: keeping logits for the backward pass saves one product of four. Else up
 * to 2,048 tokens at a time and as many entries of the vocabulary as fit beside them, in runs of equal length where a
 * number of runs near the least divides it.
 */
export const headChunks = ({ predictions = Infinity, vocabulary }: HeadSize, budget = defaultBudget): HeadChunks => {
  if (predictions * vocabulary * 4 * wholeTensors <= budget) return { tokens: predictions, words: vocabulary }
  const room = Math.max(1, Math.floor(budget / (4 * chunkTensors)))
  const tokens = Math.min(predictions, enoughTokens, room)
  const runs = evenRuns(vocabulary, Math.ceil(vocabulary / Math.floor(room / tokens)))
  if (runs === 1) return { tokens: Math.min(predictions, Math.floor(room / vocabulary)), words: vocabulary }
  return { tokens, words: Math.ceil(vocabulary / runs) }
}

/** At least this many runs, up to a quarter more if those are equally long. */
const evenRuns = (vocabulary: number, least: number): number => {
  for (let runs = least; runs <= least * 1.25; runs++) if (vocabulary % runs === 0) return runs
  return least
}
