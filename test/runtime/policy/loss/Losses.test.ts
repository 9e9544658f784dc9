import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { dpo } from "../../../../runtime/policy/loss/Dpo.ts"
import { ipo } from "../../../../runtime/policy/loss/Ipo.ts"
import { pro } from "../../../../runtime/policy/loss/Pro.ts"
import { lossNames, lossReference } from "../lossReference.ts"
import { checkpointPath } from "../reference.ts"
import { expectLoss, expectMetrics, expectRelative } from "./expectNear.ts"
import { gradientStep } from "./gradientStep.ts"
import { preferencesOf, rankingsOf } from "./lossItems.ts"

const PREFERENCE_METRICS = [
  "rewards/chosen",
  "rewards/rejected",
  "rewards/margins",
  "rewards/accuracies",
  "logps/chosen",
  "logps/rejected"
]

layer(Sessions.layer)("losses", (it) => {
  describe.each(lossNames)("%s", (name) => {
    const reference = lossReference(name)
    const path = checkpointPath(reference.checkpoint)

    it.effect.each([
      { loss: "dpo" as const, objective: dpo({ beta: reference.dpo.beta }) },
      { loss: "ipo" as const, objective: ipo({ beta: reference.ipo.beta }) }
    ])("$loss is TRL's, with its gradients and metrics", ({ loss, objective }) =>
      Effect.gen(function*() {
        const expected = reference[loss]
        const found = yield* gradientStep(path, objective, preferencesOf(reference, expected))
        expectLoss(found, expected)
        expectRelative("norm", found.gradNorm, expected.gradient.norm, 1e-5)
        expectMetrics(found.metrics, expected.metrics, PREFERENCE_METRICS)
        expect(Object.keys(found.metrics).toSorted()).toEqual(PREFERENCE_METRICS.toSorted())
      }))

    it.effect("pro is the authors', with rankings of 2, 3 and 4 responses in one step", () =>
      Effect.gen(function*() {
        const { parts, sftWeight } = reference.pro
        const found = yield* gradientStep(path, pro({ candidates: 4, sftWeight }), rankingsOf(reference))
        expectLoss(found, reference.pro)
        expectRelative("norm", found.gradNorm, reference.pro.gradient.norm, 1e-5)
        expectMetrics(
          found.metrics,
          { "loss/ranking": parts.ranking.value, "loss/sft": parts.sft.value },
          ["loss/ranking", "loss/sft"]
        )
      }))
  })

  const reference = lossReference("qwen2")
  const path = checkpointPath(reference.checkpoint)
  const { sftWeight } = reference.pro

  it.effect("pro without its sft term is the ranking part alone, however many candidates it has room for", () =>
    Effect.gen(function*() {
      const found = yield* gradientStep(path, pro({ candidates: 6, sftWeight: 0 }), rankingsOf(reference))
      expectLoss(found, reference.pro.parts.ranking)
    }))

  it.effect("a step in several micro-batches has the same loss, gradients and metrics", () =>
    Effect.gen(function*() {
      const objective = pro({ candidates: 4, sftWeight })
      const found = yield* gradientStep(path, objective, rankingsOf(reference), { tokens: 64 })
      expectLoss(found, reference.pro)
      expectMetrics(found.metrics, { "loss/sft": reference.pro.parts.sft.value }, ["loss/sft"])
    }))
})
