/** The token ids that every contestant of a row is given. */

// The lowest ids are those of special tokens.
const firstOrdinary = 16

/** Ids without pattern, from a linear congruential generator (Numerical Recipes); the same for the same seed. */
export const randomTokens = (seed: number, count: number, vocabulary: number): ReadonlyArray<number> => {
  let state = (seed * 2654435761 + 1) >>> 0
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return firstOrdinary + Math.floor(state / 2 ** 32 * (vocabulary - firstOrdinary))
  })
}

/** Rows of ids without pattern, each [rows][length]. */
export const randomRows = (
  seed: number,
  rows: number,
  length: number,
  vocabulary: number
): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: rows }, (_, row) => randomTokens(seed * 1000 + row, length, vocabulary))

/** Sequences of few different ids, so that their loss falls from step to step and losses that agree mean something. */
export const learnableRows = (seed: number, rows: number, length: number): ReadonlyArray<ReadonlyArray<number>> =>
  randomRows(seed, rows, length, firstOrdinary + 64)
