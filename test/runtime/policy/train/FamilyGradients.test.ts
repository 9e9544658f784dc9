import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { plainStep } from "../loss/gradientStep.ts"
import { checkpointPath, families, reference, sequences } from "../reference.ts"
import { expectNear, trainedWeights, weightsOf } from "./trainedWeights.ts"

layer(Sessions.layer)("gradients of every family are PyTorch's", (it) => {
  describe.each([
    { recompute: false, how: "with layers kept", names: families },
    // Biases, a window in some layers, norms of queries and keys.
    { recompute: true, how: "with layers computed again", names: ["llama-linear", "qwen2-window", "qwen3"] as const }
  ])("$how", ({ names, recompute }) => {
    it.effect.each(names)("%s", (name) =>
      Effect.gen(function*() {
        const { gradient } = reference(name)
        const items = sequences(reference(name)).map(weightedItem)
        const request = { ...plainStep, recompute, objective: weightedNll, steps: [items] }
        const { steps, weights } = yield* trainedWeights(name, request)
        expect(Math.abs((steps[0]?.loss ?? 0) / gradient.loss - 1)).toBeLessThan(1e-5)
        expect(Math.abs((steps[0]?.gradNorm ?? 0) / gradient.norm - 1)).toBeLessThan(1e-5)
        // A plain step moves each weight by its gradient.
        const before = yield* weightsOf(checkpointPath(name))
        const moved = [...weights].map(([tensor, after]) =>
          [tensor, after.map((value, index) => (before.get(tensor)?.[index] ?? Number.NaN) - value)] as const
        )
        expectNear(new Map(moved), gradient.tensors)
      }))
  })
})
