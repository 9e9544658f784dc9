import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { float32, type TensorData, tensorData, toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { dpo } from "../../../../runtime/policy/loss/Dpo.ts"
import { ppo } from "../../../../runtime/policy/loss/Ppo.ts"
import { pro } from "../../../../runtime/policy/loss/Pro.ts"
import { bradleyTerry } from "../../../../runtime/policy/loss/Reward.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { serialiseProgram } from "../../../../runtime/policy/SerialiseProgram.ts"
import { microBatch, shapeOf } from "../../../../runtime/policy/train/MicroBatch.ts"
import type { Objective, TrainItem } from "../../../../runtime/policy/train/Objective.ts"
import { allWeights } from "../../../../runtime/policy/train/Trainable.ts"
import {
  gradientsProgram,
  nextName,
  stateShapes,
  type Training
} from "../../../../runtime/policy/train/TrainPrograms.ts"
import { preferencesOf, rankingsOf, rewardPairsOf, rolloutsOf } from "../loss/lossItems.ts"
import { lossReference } from "../lossReference.ts"
import { checkpointPath, largestDifference, reference, sequences } from "../reference.ts"

/** The loss and all gradients of one micro-batch, padded further by some items, tokens and predictions. */
const gradientsOf = Effect.fnUntraced(function*(objective: Objective, items: ReadonlyArray<TrainItem>) {
  const checkpoint = yield* openCheckpoint(checkpointPath("qwen2"))
  const least = shapeOf(objective, items)
  const training: Training = {
    config: checkpoint.config,
    trainable: allWeights(checkpoint, objective),
    objective,
    recompute: false,
    predictions: least.predictions + 64
  }
  const session = yield* (yield* Sessions).open(serialiseProgram(gradientsProgram(training)), {
    device: "cpu",
    threads: 1
  })
  const first = yield* training.trainable.initial
  const state: Record<string, TensorData> = {}
  for (const [name, dims] of stateShapes(training, ["weight", "gradient"])) {
    const size = dims.reduce((product, dim) => product * dim, 1)
    state[name] = first.get(name) ?? float32(dims, Array<number>(size).fill(0))
  }
  yield* session.write(state)
  const gradients = [...stateShapes(training, ["gradient"]).keys()].map(nextName)
  return Effect.fnUntraced(
    function*(more: { readonly items: number; readonly length: number; readonly predictions: number }) {
      const shape = {
        items: least.items + more.items,
        length: least.length + more.length,
        predictions: least.predictions + more.predictions
      }
      // A padding token that is as good as any, to be seen if it were not hidden.
      const batch = microBatch(objective, items, shape, 5)
      const found = yield* session.run({
        feeds: { ...batch, dropoutKey: tensorData("int32", [], [0]) },
        fetch: ["loss", ...gradients]
      })
      return new Map(Object.entries(found).map(([name, value]) => [name, toNumbers(value)]))
    }
  )
})

describe("padding changes neither loss nor gradients", () => {
  const losses = lossReference("qwen2")
  const { beta } = losses.dpo
  layer(Sessions.layer)((it) => {
    it.effect.each([
      { objective: weightedNll, items: sequences(reference("qwen2")).map(weightedItem) },
      { objective: dpo({ beta }), items: preferencesOf(losses, losses.dpo) },
      { objective: pro({ candidates: 4, sftWeight: 0.05 }), items: rankingsOf(losses) },
      { objective: bradleyTerry({ centerCoefficient: 0.01 }), items: rewardPairsOf(losses) },
      { objective: ppo({ klCoefficient: 0.1 }), items: rolloutsOf(losses) }
    ])("of $objective.name", ({ items, objective }) =>
      Effect.gen(function*() {
        const gradients = yield* gradientsOf(objective, items)
        const tight = yield* gradients({ items: 0, length: 0, predictions: 0 })
        for (const more of [{ items: 2, length: 0, predictions: 0 }, { items: 1, length: 9, predictions: 37 }]) {
          const padded = yield* gradients(more)
          for (const [name, values] of tight) {
            const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3)
            const difference = largestDifference(padded.get(name) ?? [], values) / scale
            expect(difference, `${name} differs by ${difference}`).toBeLessThan(1e-5)
          }
        }
      }))
  })
})
