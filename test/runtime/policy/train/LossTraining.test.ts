import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { dpo } from "../../../../runtime/policy/loss/Dpo.ts"
import { ipo } from "../../../../runtime/policy/loss/Ipo.ts"
import { preferenceItems } from "../../../../runtime/policy/loss/Preference.ts"
import { pro, rankingItems } from "../../../../runtime/policy/loss/Pro.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { Objective, TrainItem } from "../../../../runtime/policy/train/Objective.ts"
import { adapterNames, adapterPath, adapterReference } from "../adapterReference.ts"
import { lossNames, type LossReference, lossReference, type Trained } from "../lossReference.ts"
import { checkpointPath } from "../reference.ts"

const sequenceOf = ({ sequences }: LossReference, index: number) => ({
  prompt: Int32Array.from(sequences[index]?.prompt ?? []),
  response: Int32Array.from(sequences[index]?.response ?? [])
})

/** The reference file's pairs; what the reference policy thinks of a response is under the field `from` of its sequence. */
const pairsOf = (
  reference: LossReference,
  { pairs }: LossReference["dpo"],
  from: "referenceLogProbs" | "logProbs"
): ReadonlyArray<TrainItem> => {
  const sum = (index: number) => (reference.sequences[index]?.[from] ?? []).reduce((a, b) => a + b, 0)
  return preferenceItems(pairs.map(({ chosen, rejected }) => ({
    chosen: sequenceOf(reference, chosen),
    rejected: sequenceOf(reference, rejected),
    reference: { chosen: sum(chosen), rejected: sum(rejected) }
  })))
}

const rankingsOf = (reference: LossReference): ReadonlyArray<TrainItem> =>
  rankingItems(reference.pro.rankings.map(({ candidates, rewards }) => ({
    prompt: sequenceOf(reference, candidates[0] ?? 0).prompt,
    responses: candidates.map((index, rank) => ({
      tokens: sequenceOf(reference, index).response,
      reward: rewards[rank] ?? Number.NaN
    }))
  })))

/** Ten steps, each on all items, give the losses and gradient norms of PyTorch's. */
const expectSteps = Effect.fnUntraced(function*(options: {
  readonly reference: LossReference
  readonly adapter?: string
  readonly objective: Objective
  readonly items: ReadonlyArray<TrainItem>
  readonly expected: Trained
}) {
  const { adapter, expected, items, objective, reference } = options
  const path = checkpointPath(reference.checkpoint)
  const policy = yield* openPolicy(path, "cpu", adapter === undefined ? {} : { adapter })
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
        items: pairsOf(reference, reference.dpo, "referenceLogProbs"),
        expected: reference.dpo
      }))

    it.effect("of IPO", () =>
      expectSteps({
        reference,
        objective: ipo({ beta: reference.ipo.beta }),
        items: pairsOf(reference, reference.ipo, "referenceLogProbs"),
        expected: reference.ipo
      }))

    it.effect("of PRO", () =>
      expectSteps({
        reference,
        objective: pro({ candidates: 4, sftWeight: reference.pro.sftWeight }),
        items: rankingsOf(reference),
        expected: reference.pro
      }))
  })

  describe.each(adapterNames)("through the adapter %s", (name) => {
    const { checkpoint, dpo: expected } = adapterReference(name)
    const reference = lossReference(checkpoint)

    it.effect("of DPO, whose reference is the base without it", () =>
      expectSteps({
        reference,
        adapter: adapterPath(name),
        objective: dpo({ beta: expected.beta }),
        items: pairsOf(reference, expected, "logProbs"),
        expected
      }))
  })
})
