import { describe, expect, it } from "@effect/vitest"
import { drawChain, finalAnswer, pretrainingExample, slipProbability } from "../../../pipelines/demo/corpus.ts"
import { drawProblem, isHeldOut, type Problem } from "../../../pipelines/demo/problems.ts"
import { makeRandom } from "../../../pipelines/demo/random.ts"

const draw = <A>(count: number, seed: number, make: (problem: Problem, random: ReturnType<typeof makeRandom>) => A) =>
  Array.from({ length: count }, (_, stream) => {
    const random = makeRandom(seed, stream)
    const problem = drawProblem(random)
    return { problem, value: make(problem, random) }
  })

/** The equations of a chain, as written. */
const equations = (chain: string) =>
  [...chain.matchAll(/(\d+) ([+-]) (\d+) = (\d+)/g)].map(([, x, sign, y, z]) => ({
    right: Number(x) + (sign === "+" ? 1 : -1) * Number(y) === Number(z),
    result: Number(z)
  }))

const share = (flags: ReadonlyArray<boolean>): number => flags.filter(Boolean).length / flags.length

const numbers = (seed: number, stream: number) => {
  const random = makeRandom(seed, stream)
  return Array.from({ length: 20 }, () => random.between(0, 999))
}

describe("random", () => {
  it("repeats itself from the same seed and stream, and differs between streams", () => {
    expect(numbers(1, 2)).toEqual(numbers(1, 2))
    expect(numbers(1, 2)).not.toEqual(numbers(1, 3))
    expect(numbers(1, 2)).not.toEqual(numbers(2, 2))
  })

  it("covers its ranges evenly", () => {
    const random = makeRandom(3)
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 8000; i++) {
      const index = random.between(0, 3)
      counts[index] = (counts[index] ?? 0) + 1
    }
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(160)
  })

  it("shuffles without loss", () => {
    expect(makeRandom(4).shuffle([1, 2, 3, 4, 5]).toSorted()).toEqual([1, 2, 3, 4, 5])
  })
})

describe("corpus", () => {
  it("is a function of seed and index", () => {
    expect(pretrainingExample(1, 0)).toEqual({
      prompt: "Ida has 13 pens. Tom brings 26 more and Eva brings 38. How many pens are there?",
      response: "First 13 + 26 = 38, then 38 + 38 = 76. Check 38 + 26 = 64, then 64 + 13 = 77. Answer: 77"
    })
    expect(pretrainingExample(5, 17)).toEqual(pretrainingExample(5, 17))
    expect(pretrainingExample(5, 17)).not.toEqual(pretrainingExample(6, 17))
  })

  it("slips at the stated rate, once per route at most", () => {
    const chains = draw(4000, 11, drawChain).map(({ value }) => equations(value))
    for (const chain of chains) expect(chain).toHaveLength(4)
    const routes = chains.flatMap((chain) => [chain.slice(0, 2), chain.slice(2)])
    const slips = routes.map((route) => route.filter(({ right }) => !right).length)
    expect(Math.max(...slips)).toBe(1)
    expect(share(slips.map((count) => count > 0))).toBeCloseTo(slipProbability, 1)
    const atFirst = routes.filter((_, i) => slips[i] === 1).map((route) => route[0]?.right === false)
    expect(share(atFirst)).toBeCloseTo(0.5, 1)
  })

  it("answers with the result of either route, evenly where they disagree", () => {
    const rows = draw(4000, 12, drawChain).map(({ value }) => {
      const chain = equations(value)
      return { one: chain[1]?.result, two: chain[3]?.result, answer: finalAnswer(value) }
    })
    for (const { one, two, answer } of rows) expect([one, two]).toContain(answer)
    const torn = rows.filter(({ one, two }) => one !== two)
    expect(torn.length).toBeGreaterThan(1000)
    expect(share(torn.map(({ one, answer }) => one === answer))).toBeCloseTo(0.5, 1)
  })

  it("is right throughout without slips, and never below zero", () => {
    for (const { problem, value } of draw(2000, 13, (problem, random) => drawChain(problem, random, 0))) {
      expect(equations(value).every(({ right }) => right)).toBe(true)
      expect(finalAnswer(value)).toBe(problem.answer)
    }
    for (const { value } of draw(2000, 14, drawChain)) expect(value).not.toMatch(/= -/)
  })

  it("keeps the held-out sums out of the training problems", () => {
    const inTraining = draw(3000, 15, (problem) => isHeldOut(problem.kind, problem.a, problem.b, problem.c))
    expect(inTraining.some(({ value }) => value)).toBe(false)
    const { kind, a, b, c } = drawProblem(makeRandom(16), { heldOut: true })
    expect(isHeldOut(kind, a, b, c)).toBe(true)
  })
})

describe("finalAnswer", () => {
  it("reads the number after the last marker and nothing else", () => {
    expect(finalAnswer("Check. Answer: 12")).toBe(12)
    expect(finalAnswer("Answer: 1 Answer: 2")).toBe(2)
    expect(finalAnswer("Answer: twelve")).toBeUndefined()
    expect(finalAnswer("12")).toBeUndefined()
  })
})
