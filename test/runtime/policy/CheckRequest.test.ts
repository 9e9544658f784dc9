import { describe, expect, it } from "@effect/vitest"
import { checkTrain } from "../../../runtime/policy/CheckRequest.ts"
import { dpo } from "../../../runtime/policy/loss/Dpo.ts"
import { ppo, ppoItems } from "../../../runtime/policy/loss/Ppo.ts"
import { preferenceItems } from "../../../runtime/policy/loss/Preference.ts"
import { pro, rankingItems } from "../../../runtime/policy/loss/Pro.ts"
import { bradleyTerry, rewardItems } from "../../../runtime/policy/loss/Reward.ts"
import { weightedItem, weightedNll } from "../../../runtime/policy/loss/WeightedNll.ts"
import type { ModelConfig } from "../../../runtime/policy/model/ModelConfig.ts"
import type { TrainRequest } from "../../../runtime/policy/Policy.ts"
import type { Objective, TrainItem } from "../../../runtime/policy/train/Objective.ts"

const config: ModelConfig = {
  architecture: "LlamaForCausalLM",
  vocabularySize: 100,
  hiddenSize: 8,
  intermediateSize: 8,
  layers: 1,
  heads: 1,
  keyValueHeads: 1,
  headSize: 8,
  contextLength: 16,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  tiedEmbeddings: true,
  initializerRange: 0.02
}

const sequence = (...response: ReadonlyArray<number>) => ({
  prompt: Int32Array.of(1, 2),
  response: Int32Array.from(response)
})

const request = (objective: Objective, ...items: ReadonlyArray<TrainItem>): TrainRequest => ({
  objective,
  steps: [items],
  learningRate: 0.01,
  schedule: "constant",
  warmupSteps: 0,
  weightDecay: 0,
  clip: 1,
  betas: [0.9, 0.99],
  epsilon: 1e-8
})

const problem = (objective: Objective, ...items: ReadonlyArray<TrainItem>) =>
  checkTrain(config, request(objective, ...items))?.message

const [pair] = preferenceItems([
  { chosen: sequence(3, 4), rejected: sequence(5), reference: { chosen: -1, rejected: -2 } }
])
const [ranking] = rankingItems([{
  prompt: Int32Array.of(1),
  responses: [{ tokens: Int32Array.of(2), reward: 1 }, { tokens: Int32Array.of(3), reward: 0 }]
}])
const [rollout] = ppoItems([{
  sequence: sequence(3, 4),
  oldLogProbs: [-1, -2],
  oldValues: [0, 0],
  referenceLogProbs: [-1, -2],
  advantages: [1, 1],
  returns: [1, 1]
}])
const [compared] = rewardItems([{ chosen: sequence(3, 4), rejected: sequence(5) }])
const given = (item: TrainItem | undefined): TrainItem => item ?? { sequences: [], values: {} }
const changed = (item: TrainItem | undefined, values: TrainItem["values"]): TrainItem => ({
  ...given(item),
  values: { ...given(item).values, ...values }
})

describe("the items of a training", () => {
  it("of the losses' own constructors are in order", () => {
    const nll = weightedItem({ ...sequence(3), weight: 1 })
    expect(problem(weightedNll, nll)).toBe(undefined)
    expect(problem(dpo({ beta: 0.1 }), given(pair))).toBe(undefined)
    expect(problem(pro({ candidates: 4, sftWeight: 1 }), given(ranking))).toBe(undefined)
    expect(problem(bradleyTerry(), given(compared))).toBe(undefined)
    expect(problem(ppo(), given(rollout))).toBe(undefined)
  })

  const objective = dpo({ beta: 0.1 })
  const name = objective.name
  const wrong: ReadonlyArray<readonly [string, Objective, TrainItem, string]> = [
    [
      "with fewer sequences than are compared",
      objective,
      { ...given(pair), sequences: [sequence(3)] },
      `train: steps[0][0] has 1 sequence. An item of the objective ${name} has 2`
    ],
    [
      "with more responses than there is room for",
      pro({ candidates: 2, sftWeight: 1 }),
      { ...given(ranking), sequences: [sequence(3), sequence(4), sequence(5)] },
      "train: steps[0][0] has 3 sequences. An item of the objective pro candidates=2 sftWeight=1 has 2"
    ],
    [
      "of one response, in a ranking of up to four",
      pro({ candidates: 4, sftWeight: 1 }),
      { ...given(ranking), sequences: [sequence(3)] },
      "train: steps[0][0] has 1 sequence. An item of the objective pro candidates=4 sftWeight=1 has 2 to 4"
    ],
    [
      "without a value",
      objective,
      { ...given(pair), values: { weight: 1 } },
      `train: steps[0][0].reference is missing. The objective ${name} needs it; it is a list with a number for each sequence`
    ],
    [
      "with a number where a list belongs",
      objective,
      changed(pair, { reference: -1 }),
      `train: steps[0][0].reference does not hold one number per sequence. The objective ${name} needs it; it is a list with `
      + "a number for each sequence"
    ],
    [
      "with a list where a number belongs",
      objective,
      changed(pair, { weight: [1, 1] }),
      `train: steps[0][0].weight does not hold one number per item. The objective ${name} needs it; it is a number`
    ],
    [
      "with values of fewer tokens than the response has",
      ppo(),
      changed(rollout, { advantages: [[1]] }),
      "train: steps[0][0].advantages does not hold one number per prediction. The objective ppo"
    ],
    [
      "with a value that is not finite",
      objective,
      changed(pair, { reference: [-1, Number.NaN] }),
      "train: steps[0][0].reference is NaN. Values must be finite numbers"
    ],
    [
      "whose response is empty",
      objective,
      { ...given(pair), sequences: [sequence(3), sequence()] },
      "train: steps[0][0].sequences[1].response is empty"
    ],
    [
      "longer than the context",
      objective,
      { ...given(pair), sequences: [sequence(3), sequence(...Array<number>(15).fill(4))] },
      "train: steps[0][0].sequences[1] has 17 tokens, more than the context of 16"
    ]
  ]
  for (const [what, objective, item, message] of wrong) {
    it(`${what} are refused in one sentence`, () => {
      expect(problem(objective, item)).toContain(message)
    })
  }

  it("for distributions over tokens are refused on a reward model", () => {
    const reward = { ...config, architecture: "LlamaForSequenceClassification", scoreHead: true }
    expect(checkTrain(reward, request(objective, given(pair)))?.message).toBe(
      "train: the policy is a reward model (LlamaForSequenceClassification), which has no language-model head. Ask it for "
        + "rewards, or open a policy."
    )
    expect(checkTrain(reward, request(bradleyTerry(), given(compared)))).toBe(undefined)
  })

  it("are kept every whole number of steps", () => {
    const resume = { directory: "state", everySteps: 0 }
    expect(checkTrain(config, { ...request(objective, given(pair)), resume })?.message).toContain(
      "resume.everySteps is 0. It must be a whole number of at least 1"
    )
  })
})
