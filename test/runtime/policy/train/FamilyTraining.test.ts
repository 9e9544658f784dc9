import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { families, reference, sequences } from "../reference.ts"
import { expectNear, trainedWeights } from "./trainedWeights.ts"

layer(Sessions.layer)("training of every family", (it) => {
  it.effect.each(families)(
    "ten steps give the losses, gradient norms and weights of PyTorch's AdamW: %s",
    (name) =>
      Effect.gen(function*() {
        const { training } = reference(name)
        const all = sequences(reference(name)).map(weightedItem)
        const { steps, weights } = yield* trainedWeights(name, {
          ...training,
          objective: weightedNll,
          steps: training.steps.map(({ batch }) => batch.flatMap((index) => all[index] ?? []))
        })
        expect(steps.length).toBe(training.steps.length)
        steps.forEach(({ gradNorm, loss }, index) => {
          const step = training.steps[index]
          expect(Math.abs(loss / (step?.loss ?? 0) - 1)).toBeLessThan(1e-4)
          expect(Math.abs(gradNorm / (step?.gradNorm ?? 0) - 1)).toBeLessThan(1e-4)
        })
        expectNear(weights, training.tensors)
      })
  )
})
