import { dimAt } from "../Broadcast.ts"
import { constant, fail, type Tensor } from "../Graph.ts"
import { scope } from "../Scope.ts"
import { int64 } from "../TensorData.ts"
import { add, mod, mul } from "./Arithmetic.ts"
import { range } from "./Fill.ts"
import { flatten, reshape, unsqueeze } from "./Layout.ts"
import { cast, greaterOrEqual, where } from "./Logic.ts"

export interface DropoutOptions {
  /** The share of values to hide, from 0 to below 1. */
  readonly rate: number
  /** int32 []: another one for each step, made of the run's seed and the step's number. */
  readonly key: Tensor
  /** What tells this dropout from the others of the program: the name of its layer. */
  readonly place: string
}

/**
 * Hides values at random and scales the others by 1 / (1 - rate), so that the mean stays (Srivastava et al. 2014). What is
 * hidden is a function of key, place and position: no state, the same on every device and in every repetition of a run.
 *
 * Each row r and column c has numbers of 31 random bits, A_r, C_r and B_c; an element has, in wrapping 32-bit integers,
 *
 *     g = 2 (A_r B_c + C_r) + 1        v = g g
 *
 * and is hidden where v, even among all v = 1 mod 8, is in the lowest share of the range. So an element costs three cheap
 * operations and a comparison, and the good but dear function is applied to rows and columns only. There is none but
 * multiplication, addition, remainder and comparison, which every provider has for integers.
 */
export const dropout = (x: Tensor, { key, place, rate }: DropoutOptions): Tensor => {
  if (!(rate >= 0 && rate < 1)) fail("dropout", [x], `a rate of ${rate} is not from 0 to below 1`)
  if (key.dtype !== "int32" || key.shape.length !== 0) fail("dropout", [x, key], "the key must be int32[]")
  if (x.shape.length === 0) fail("dropout", [x], "takes a tensor with axes")
  if (rate === 0) return x
  return scope("dropout", () => {
    const kept = reshape(keptAt(flatten(x, 0, x.shape.length - 1), rate, scrambled(key, place)), x.shape)
    return where(kept, mul(x, 1 / (1 - rate)), 0)
  })
}

/** Where values of x [rows, columns] stay: bool. */
const keptAt = (x: Tensor, rate: number, seed: Tensor): Tensor => {
  const [rows, columns] = [range(x.graph, "int64", dimAt(x, 0)), range(x.graph, "int64", dimAt(x, 1))]
  const a = scramble(add(scramble(add(seed, 1)), rows))
  const b = scramble(add(scramble(add(seed, 2)), columns))
  const c = scramble(add(a, 3))
  const doubled = (x: Tensor) => mul(cast(x, "int32"), 2)
  const g = add(mul(unsqueeze(doubled(a), [1]), unsqueeze(cast(b, "int32"), [0])), unsqueeze(add(doubled(c), 1), [1]))
  const v = mul(g, g)
  return greaterOrEqual(v, Math.min(Math.round(rate * 2 ** 32) - 2 ** 31, 2 ** 31 - 1))
}

/** A prime, so that x^5 takes every value below it once; products of two such values fit int64. */
const prime = 2 ** 31 - 1

/** A permutation of the numbers below the prime that looks random: two rounds of x -> (a x + b)^5. */
const scramble = (x: Tensor): Tensor =>
  [[1_103_515_245, 12_345_678], [1_664_525_013, 1_013_904_223]].reduce((value, [a = 0, b = 0]) => {
    const within = (y: Tensor) => mod(y, prime)
    const line = within(add(mul(within(value), a), b))
    const square = within(mul(line, line))
    return within(mul(within(mul(square, square)), line))
  }, x)

/** The key and a place as one number. */
const scrambled = (key: Tensor, place: string): Tensor =>
  scramble(add(scramble(mod(cast(key, "int64"), prime)), constant(key.graph, int64([], [hashOf(place)]))))

/** FNV-1a, to 31 bits. */
const hashOf = (text: string): number =>
  new TextEncoder().encode(text).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5) >>> 1
