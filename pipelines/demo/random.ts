/**
 * A small seeded source of randomness: splitmix32, a 32-bit counter passed through an integer hash.
 * The same seed and stream give the same numbers on every platform, so everything generated from it is reproducible.
 */

const golden = 0x9e3779b9
const range32 = 2 ** 32

/** The splitmix32 finaliser: a bijection of 32-bit integers with good avalanche. */
export const mix32 = (value: number): number => {
  let z = value >>> 0
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return (z ^ (z >>> 15)) >>> 0
}

/** Hashes a few integers into one, order matters. */
export const hash32 = (...parts: ReadonlyArray<number>): number => parts.reduce((state, part) => mix32(state + part), 0)

/** An element that must exist. */
export const at = <A>(items: ReadonlyArray<A>, index: number): A => {
  const item = items[index]
  if (item === undefined) throw new RangeError(`no element ${index} among ${items.length}`)
  return item
}

/** Draws from one stream. Every method advances the stream. */
export interface Random {
  /** An integer in `[low, high]`. */
  readonly between: (low: number, high: number) => number
  /** True with the given probability. */
  readonly chance: (probability: number) => boolean
  /** One of the items, evenly. */
  readonly pick: <A>(items: ReadonlyArray<A>) => A
  /** An index, in proportion to the weights. */
  readonly weighted: (weights: ReadonlyArray<number>) => number
  /** A permuted copy. */
  readonly shuffle: <A>(items: ReadonlyArray<A>) => Array<A>
}

/** Opens stream `stream` of `seed`. Streams of one seed are independent: item `i` of a data set is drawn from stream `i`. */
export const makeRandom = (seed: number, stream = 0): Random => {
  let state = hash32(seed, stream)
  const next = (): number => {
    state = (state + golden) >>> 0
    return mix32(state)
  }
  const between = (low: number, high: number): number => low + Math.floor((next() * (high - low + 1)) / range32)
  const weighted = (weights: ReadonlyArray<number>): number => {
    let rest = (next() / range32) * weights.reduce((sum, weight) => sum + weight, 0)
    for (const [index, weight] of weights.entries()) {
      rest -= weight
      if (rest < 0) return index
    }
    return weights.length - 1
  }
  return {
    between,
    chance: (probability) => next() < probability * range32,
    pick: (items) => at(items, between(0, items.length - 1)),
    weighted,
    shuffle: (items) => {
      const copy = [...items]
      for (let i = copy.length - 1; i > 0; i--) {
        const j = between(0, i)
        const moved = at(copy, i)
        copy[i] = at(copy, j)
        copy[j] = moved
      }
      return copy
    }
  }
}
