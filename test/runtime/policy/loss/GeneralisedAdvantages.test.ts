import { describe, expect, it } from "@effect/vitest"
import { generalisedAdvantages } from "../../../../runtime/policy/loss/GeneralisedAdvantages.ts"
import { lossNames, lossReference } from "../lossReference.ts"
import { largestDifference } from "../reference.ts"

describe("generalised advantages", () => {
  it.each(lossNames)("and returns are TRL's, whitened over the tokens of all responses: %s", (name) => {
    const { ppo, sequences } = lossReference(name)
    const found = generalisedAdvantages(
      ppo.responses.map(({ oldLogProbs, oldValues, score, sequence }) => ({
        score,
        logProbs: oldLogProbs,
        values: oldValues,
        referenceLogProbs: sequences[sequence]?.referenceLogProbs ?? []
      })),
      ppo
    )
    ppo.responses.forEach(({ advantages, returns }, index) => {
      expect(largestDifference(found[index]?.advantages ?? [], advantages)).toBeLessThan(1e-5)
      expect(largestDifference(found[index]?.returns ?? [], returns)).toBeLessThan(1e-5)
    })
  })

  it("discount what comes later, and stay numbers where all are equal", () => {
    const [found] = generalisedAdvantages(
      [{ score: 8, logProbs: [-1, -1, -1], referenceLogProbs: [-1, -1, -1], values: [0, 0, 0] }],
      { klCoefficient: 0.1, gamma: 0.5, lambda: 1 }
    )
    expect([...found?.returns ?? []]).toEqual([2, 4, 8])
    const [only] = generalisedAdvantages(
      [{ score: 1, logProbs: [-1], referenceLogProbs: [-1], values: [1] }],
      { klCoefficient: 0.1 }
    )
    expect([...only?.advantages ?? []]).toEqual([0])
  })
})
