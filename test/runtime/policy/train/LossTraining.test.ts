import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { dpo } from "../../../../runtime/policy/loss/Dpo.ts"
import { ipo } from "../../../../runtime/policy/loss/Ipo.ts"
import { ppo } from "../../../../runtime/policy/loss/Ppo.ts"
import { pro } from "../../../../runtime/policy/loss/Pro.ts"
import { bradleyTerry } from "../../../../runtime/policy/loss/Reward.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { Objective, TrainItem } from "../../../../runtime/policy/train/Objective.ts"
import { adapterNames, adapterPath, adapterReference } from "../adapterReference.ts"
import { preferencesOf, rankingsOf, rewardPairsOf, rolloutsOf } from "../loss/lossItems.ts"
import { withValueHead } from "../loss/withValueHead.ts"
import { lossNames, type LossReference, lossReference, rewardModelPath, type Trained } from "../lossReference.ts"
import { checkpointPath } from "../reference.ts"

/** Ten steps, each on all items, give the losses and gradient norms of PyTorch's. */
const expectSteps = Effect.fnUntraced(function*(options: {
  readonly reference: LossReference
  /** Default: the reference's. */
  readonly checkpoint?: string
  readonly adapter?: string
  readonly objective: Objective
  readonly items: ReadonlyArray<TrainItem>
  readonly expected: Trained
}) {
  const { adapter, checkpoint, expected, items, objective, reference } = options
  const policy = yield* openPolicy(
    checkpoint ?? checkpointPath(reference.checkpoint),
    "cpu",
    adapter === undefined ? {} : { adapter }
  )
  const { steps } = yield* policy.train({ ...reference.optimiser, objective, steps: expected.steps.map(() => items) })
  expect(steps.length).toBe(10)
  steps.forEach(({ gradNorm, loss }, index) => {
    const step = expected.steps[index]
    const difference = Math.abs(loss / (step?.loss ?? 0) - 1)
    expect(difference, `the loss of step ${index + 1} is ${loss}, and should be ${step?.loss}`).toBeLessThan(1e-4)
    expect(Math.abs(gradNorm / (step?.gradNorm ?? 0) - 1)).toBeLessThan(1e-4)
  })
})

layer(Sessions.layer)("ten steps", (it) => {
  describe.each(lossNames)("on %s", (name) => {
    const reference = lossReference(name)

    it.effect("of DPO", () =>
      expectSteps({
        reference,
        objective: dpo({ beta: reference.dpo.beta }),
        items: preferencesOf(reference, reference.dpo),
        expected: reference.dpo
      }))

    it.effect("of IPO", () =>
      expectSteps({
        reference,
        objective: ipo({ beta: reference.ipo.beta }),
        items: preferencesOf(reference, reference.ipo),
        expected: reference.ipo
      }))

    it.effect("of PRO", () =>
      expectSteps({
        reference,
        objective: pro({ candidates: 4, sftWeight: reference.pro.sftWeight }),
        items: rankingsOf(reference),
        expected: reference.pro
      }))

    it.effect("of a reward model, with its scores free and held around 0", () =>
      Effect.gen(function*() {
        const items = rewardPairsOf(reference)
        const checkpoint = rewardModelPath(name)
        yield* expectSteps({ reference, checkpoint, objective: bradleyTerry(), items, expected: reference.reward })
        const { centeredReward: expected } = reference
        const objective = bradleyTerry({ centerCoefficient: expected.coefficient })
        yield* expectSteps({ reference, checkpoint, objective, items, expected })
      }))

    it.effect("of PPO", () =>
      Effect.gen(function*() {
        const checkpoint = yield* withValueHead(name)
        const { ppo: expected } = reference
        yield* expectSteps({ reference, checkpoint, objective: ppo(expected), items: rolloutsOf(reference), expected })
      }))
  })

  describe.each(adapterNames)("through the adapter %s", (name) => {
    const { checkpoint, dpo: expected } = adapterReference(name)
    const reference = lossReference(checkpoint)
    // What the base itself says of the responses is the reference here.
    const sequences = reference.sequences.map((sequence) => ({ ...sequence, referenceLogProbs: sequence.logProbs }))

    it.effect("of DPO, whose reference is the base without it", () =>
      expectSteps({
        reference,
        adapter: adapterPath(name),
        objective: dpo({ beta: expected.beta }),
        items: preferencesOf({ ...reference, sequences }, expected),
        expected
      }))
  })
})
