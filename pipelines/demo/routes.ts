/** The two routes through a problem, worked out in text, with or without a slip. */
import type { Problem } from "./problems.ts"
import { at, type Random } from "./random.ts"

type Sign = "+" | "-"

/** One way through a problem: `x first y`, then the result `second z`. */
export interface Route {
  readonly x: number
  readonly first: Sign
  readonly y: number
  readonly second: Sign
  readonly z: number
}

/** A route worked out: its two equations and what it arrives at. */
export interface Work {
  readonly steps: readonly [string, string]
  readonly result: number
}

/** Where a route goes wrong. Without `amounts` the error is drawn from `slipAmounts`. */
export interface Slip {
  readonly step: 0 | 1
  readonly amounts?: ReadonlyArray<number>
}

/** By how much a slip is off: one in the last digit most often, then a missed or extra carry, then two. */
export const slipAmounts: ReadonlyArray<number> = [-10, -2, -1, 1, 2, 10]
const slipWeights = [0.15, 0.05, 0.3, 0.3, 0.05, 0.15]

/** A wrong value near the right one, never negative. */
export const slipped = (value: number, random: Random, amounts?: ReadonlyArray<number>): number => {
  let wrong = -1
  while (wrong < 0) {
    wrong = value + (amounts === undefined ? at(slipAmounts, random.weighted(slipWeights)) : random.pick(amounts))
  }
  return wrong
}

const apply = (x: number, sign: Sign, y: number): number => sign === "+" ? x + y : x - y

/** Two routes in different orders. With `add`, the second starts from the number that the first used last. */
export const drawRoutes = ({ kind, a, b, c }: Problem, random: Random): readonly [Route, Route] => {
  if (kind === "take") {
    const addFirst: Route = { x: a, first: "+", y: b, second: "-", z: c }
    const takeFirst: Route = { x: a, first: "-", y: c, second: "+", z: b }
    return random.chance(0.5) ? [addFirst, takeFirst] : [takeFirst, addFirst]
  }
  const [x, y, z] = random.shuffle([a, b, c]) as [number, number, number]
  const [u, v] = random.chance(0.5) ? [x, y] : [y, x]
  return [{ x, first: "+", y, second: "+", z }, { x: z, first: "+", y: u, second: "+", z: v }]
}

/** Works a route out. A slip in the first step is carried on into the second. */
export const workOut = ({ x, first, y, second, z }: Route, random: Random, slip?: Slip): Work => {
  const exact = apply(x, first, y)
  const wrong = slip?.step === 0 ? slipped(exact, random, slip.amounts) : exact
  const middle = second === "-" ? Math.max(wrong, z) : wrong
  const end = apply(middle, second, z)
  const result = slip?.step === 1 ? slipped(end, random, slip.amounts) : end
  return { steps: [`${x} ${first} ${y} = ${middle}`, `${middle} ${second} ${z} = ${result}`], result }
}
