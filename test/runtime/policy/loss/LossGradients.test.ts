import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { constant, type Tensor } from "../../../../runtime/onnx/Graph.ts"
import { cast, greaterOrEqual } from "../../../../runtime/onnx/ops/Logic.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { dpo } from "../../../../runtime/policy/loss/Dpo.ts"
import { ipo } from "../../../../runtime/policy/loss/Ipo.ts"
import { ppo } from "../../../../runtime/policy/loss/Ppo.ts"
import { pro } from "../../../../runtime/policy/loss/Pro.ts"
import { bradleyTerry } from "../../../../runtime/policy/loss/Reward.ts"
import { weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { VALUE_HEAD } from "../../../../runtime/policy/model/Heads.ts"
import { sumBySequence } from "../../../../runtime/policy/train/ForwardPass.ts"
import type { Objective } from "../../../../runtime/policy/train/Objective.ts"
import { checkGradient } from "../../onnx/checkGradient.ts"
import { apply, given, varied } from "../../onnx/evaluate.ts"

type Values = Readonly<Record<string, ReadonlyArray<number>>>

interface Case {
  readonly objective: Objective
  readonly items: number
  /** The sequence of each prediction; -1 is padding. */
  readonly sequence: ReadonlyArray<number>
  readonly values: Values
}

/** The loss of a case, as a function of log-probs [n], hidden states [n, 2] and heads [1, 2] and [1], all of one type. */
const lossOf = ({ items, objective, sequence, values }: Case) => (tensors: ReadonlyArray<Tensor>): Tensor => {
  const [logProbs, hidden, weight, bias] = tensors as readonly [Tensor, Tensor, Tensor, Tensor]
  const { dtype, graph } = logProbs
  const float = dtype === "float64" ? "float64" : "float32"
  const { sequencesPerItem } = objective
  const belongs = constant(graph, tensorData("int32", [sequence.length], sequence))
  const tokens = constant(graph, tensorData("int32", [items, sequencesPerItem, 0], []))
  const sums = (given: Tensor) => sumBySequence(given, belongs, tokens)
  const { loss } = objective.loss(
    {
      logProbs: () => logProbs,
      entropies: () => logProbs,
      meanLogits: () => logProbs,
      hidden: () => hidden,
      sumBySequence: sums,
      tokenCounts: () => sums(cast(greaterOrEqual(belongs, 0), float)),
      head: (name) => name === VALUE_HEAD.bias ? bias : weight
    },
    (name) => {
      const dims = { item: [items], sequence: [items, sequencesPerItem], prediction: [sequence.length] }
      const data = values[name] ?? []
      return constant(graph, tensorData(float, dims[objective.values[name] ?? "item"], data))
    }
  )
  return loss
}

const inputs = (count: number, dtype: "float32" | "float64") => {
  const shapes = [[count], [count, 2], [1, 2], [1]]
  const ranges = [[-3, -0.1], [-1, 1], [-1, 1], [-1, 1]]
  return shapes.map((dims, index) => {
    const { data } = varied(dims, ...(ranges[index] as [number, number]), index + 1)
    return given(tensorData(dtype, dims, Array.from(data, Number)))
  })
}

/** Softplus exists for float32 only, whose rounding a larger step has to outweigh. */
const single = { dtype: "float32", step: 1e-2, tolerance: 2e-3 } as const
const double = { dtype: "float64", step: 1e-5, tolerance: 1e-6 } as const

const pairs = { sequence: [0, 0, 1, 2, 3, 3, -1], items: 2 }
const preference = { reference: [-2, -3, -1.5, -2.5], weight: [0.75, 0.25] }

describe("gradients of losses by differences", () => {
  layer(Sessions.layer)((it) => {
    it.effect.each<Case & typeof single | Case & typeof double>([
      { ...pairs, ...single, objective: dpo({ beta: 0.5 }), values: preference },
      { ...pairs, ...single, objective: dpo({ beta: 0.5, labelSmoothing: 0.2 }), values: preference },
      { ...pairs, ...double, objective: ipo({ beta: 0.3 }), values: preference },
      {
        ...single,
        objective: bradleyTerry({ centerCoefficient: 0.1 }),
        items: 2,
        sequence: [0, 1, 2, 3, -1],
        values: { margin: [0.5, 0], weight: [0.75, 0.25] }
      },
      {
        ...double,
        objective: pro({ candidates: 3, sftWeight: 0.05 }),
        items: 2,
        // The second ranking has two responses.
        sequence: [0, 0, 1, 2, 2, 3, 3, 4, -1],
        values: { reward: [1, 0.5, -0.25, 0.75, 0.5, 0], weight: [0.6, 0.4] }
      },
      {
        ...double,
        objective: ppo({ klCoefficient: 0.3, valueCoefficient: 0.5 }),
        items: 2,
        sequence: [0, 0, 0, 1, 1, -1],
        values: {
          oldLogProbs: [-1.1, -2.5, -0.5, -2, -1.5, 0],
          oldValues: [0.5, -0.5, 0.1, 0.9, -0.2, 0],
          referenceLogProbs: [-1, -2, -0.5, -1.5, -2.5, 0],
          advantages: [1, -1, 0.5, -0.5, 2, 0],
          returns: [1, 0, -1, 0.5, 0.25, 0],
          weight: [0.2, 0.2]
        }
      },
      {
        ...double,
        objective: weightedNll,
        items: 2,
        sequence: [0, 1, 1, -1],
        values: { weight: [0.5, -0.25] }
      }
    ])(
      "$objective.name",
      ({ dtype, step, tolerance, ...loss }) =>
        checkGradient(inputs(loss.sequence.length, dtype), lossOf(loss), { step, tolerance })
    )

    it.effect("what padding holds changes no loss", () =>
      Effect.gen(function*() {
        const loss: Case = { ...pairs, objective: ipo({ beta: 0.3 }), values: preference }
        const [logProbs, ...others] = inputs(pairs.sequence.length, "float64")
        const values = Array.from(logProbs?.value.data ?? [], Number)
        const valueAt = (last: number) =>
          apply(
            [given(tensorData("float64", [values.length], values.with(values.length - 1, last))), ...others],
            ([first, ...rest]) => lossOf(loss)([first as Tensor, ...rest])
          )
        expect(yield* valueAt(5)).toEqual(yield* valueAt(-40))
      }))

    it.effect("label smoothing mixes the losses of both orders", () =>
      Effect.gen(function*() {
        const swapped = { ...pairs, sequence: [1, 1, 0, 3, 2, 2, -1] }
        const turned = { ...preference, reference: [-3, -2, -2.5, -1.5] }
        const value = (loss: Case) =>
          Effect.map(apply(inputs(7, "float32"), lossOf(loss)), ({ values }) => values[0] ?? NaN)
        const plain = yield* value({ ...pairs, objective: dpo({ beta: 0.5 }), values: preference })
        const other = yield* value({ ...swapped, objective: dpo({ beta: 0.5 }), values: turned })
        const mixed = yield* value({
          ...pairs,
          objective: dpo({ beta: 0.5, labelSmoothing: 0.2 }),
          values: preference
        })
        expect(mixed).toBeCloseTo(0.8 * plain + 0.2 * other, 5)
        expect(Math.abs(plain - other)).toBeGreaterThan(0.01)
      }))
  })
})
