import { describe, expect, it } from "@effect/vitest"
import { sftSteps } from "../../../nodes/sft/SftSteps.ts"

const sequences = [1, 2, 3, 4, 5].map((length) => ({ prompt: Int32Array.of(length), response: new Int32Array(length) }))

describe("sftSteps", () => {
  it("makes each step's loss the mean over its response tokens", () => {
    for (const step of sftSteps(sequences, { batch_pairs: 2, epochs: 3, seed: 0 })) {
      const tokens = step.reduce((sum, { response }) => sum + response.length, 0)
      for (const { weight } of step) expect(weight).toBeCloseTo(1 / tokens, 15)
    }
  })

  it("visits every pair once per epoch, in an order that the seed decides", () => {
    const order = (seed: number) =>
      sftSteps(sequences, { batch_pairs: 2, epochs: 2, seed }).flat().map(({ prompt }) => prompt[0] ?? 0)
    expect(order(0).slice(0, 5).toSorted()).toEqual([1, 2, 3, 4, 5])
    expect(order(0).slice(5).toSorted()).toEqual([1, 2, 3, 4, 5])
    expect(order(0)).toEqual(order(0))
    expect(order(1)).not.toEqual(order(0))
    expect(sftSteps(sequences, { batch_pairs: 2, epochs: 2, seed: 0 }).map(({ length }) => length)).toEqual([
      2,
      2,
      1,
      2,
      2,
      1
    ])
  })
})
