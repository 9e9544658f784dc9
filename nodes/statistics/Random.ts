/**
 * Seeded random numbers that are the same on every machine and in every version of everything: xoshiro128** (Blackman and
 * Vigna 2021), its state filled from the seed by splitmix32.
 */

/** Uniform integers below a bound. */
export interface Random {
  /** A uniform integer in [0, bound), without modulo bias; `bound` in [1, 2^32]. */
  readonly below: (bound: number) => number
}

/** A generator for a seed; any finite number is a seed, of which the low 32 bits of the integer part count. */
export const seededRandom = (seed: number): Random => {
  const state = new Uint32Array(4)
  let filler = seed >>> 0
  for (let word = 0; word < 4; word++) {
    filler = filler + 0x9e3779b9 >>> 0
    let mixed = filler
    mixed = Math.imul(mixed ^ mixed >>> 16, 0x85ebca6b)
    mixed = Math.imul(mixed ^ mixed >>> 13, 0xc2b2ae35)
    state[word] = mixed ^ mixed >>> 16
  }
  const nextWord = (): number => {
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = state
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0
    const third = s2 ^ s0
    const fourth = s3 ^ s1
    state[0] = s0 ^ fourth
    state[1] = s1 ^ third
    state[2] = third ^ s1 << 9
    state[3] = rotateLeft(fourth, 11)
    return result
  }
  return {
    below: (bound) => {
      // Words past the last whole multiple of the bound would favour small values: draw again.
      const limit = 2 ** 32 - 2 ** 32 % bound
      let word = nextWord()
      while (word >= limit) word = nextWord()
      return word % bound
    }
  }
}

const rotateLeft = (word: number, bits: number): number => word << bits | word >>> 32 - bits

/** A uniformly random order of the items (Fisher and Yates), in a new array. */
export const shuffled = <A>(items: ReadonlyArray<A>, random: Random): Array<A> => {
  const pool = [...items]
  const order: Array<A> = []
  while (pool.length > 0) order.push(...takeAt(pool, random.below(pool.length)))
  return order
}

// Moves the last item into the gap, so that a draw costs O(1).
const takeAt = <A>(pool: Array<A>, index: number): Array<A> => {
  const last = pool.pop()
  if (last === undefined) return []
  if (index === pool.length) return [last]
  return pool.splice(index, 1, last)
}
