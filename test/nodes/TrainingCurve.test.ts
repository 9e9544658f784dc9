import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Policy, TrainingCurve as Curve } from "gemflow/artifacts"
import { TrainingCurve } from "gemflow/nodes"
import { Table } from "../../artifacts/Table.ts"
import { untrained } from "../../nodes/policy/PolicyRow.ts"
import { runPure } from "./runNode.ts"

const digest = (digit: string) => digit.repeat(64)

const trained = (checkpoint: string, losses: ReadonlyArray<number>, curves: Parameters<typeof row>[2]) =>
  Table.fromRows(Policy, [row(checkpoint, losses, curves)])

const row = (
  checkpoint: string,
  losses: ReadonlyArray<number>,
  curves: Readonly<Record<string, Readonly<Record<number, number>>>>
) => ({
  ...untrained({ checkpoint }, { architecture: "LlamaForCausalLM", parameters: 1, origin: "dpo", truncated: 0 }),
  steps: losses.length,
  step_loss: Float32Array.from(losses),
  step_grad_norm: Float32Array.from(losses, (loss) => loss * 2),
  step_learning_rate: Float32Array.from(losses, () => 0.5),
  curves: Object.entries(curves).map(([metric, points]) => ({
    metric,
    step: Int32Array.from(Object.keys(points), Number),
    value: Float64Array.from(Object.values(points))
  }))
})

describe("training-curve", () => {
  it.effect("is a row per step and metric, and counts on over several trainings", () =>
    Effect.gen(function*() {
      const policies = [
        yield* trained(digest("a"), [1, 0.5], {
          "rewards/margins": { 1: 0, 2: 3 },
          eval_loss: { 0: 4, 2: 5 },
          num_tokens: { 1: 10, 2: 25 }
        }),
        yield* trained(digest("b"), [0.25], { eval_loss: { 0: 5, 1: 6 }, num_tokens: { 1: 7 } })
      ]
      const curve = yield* runPure(TrainingCurve, Curve, { label: "dpo" }, { policies })
      const of = (name: string) =>
        curve.rows().flatMap(({ metric, step, value }) => metric === name ? [[step, value]] : [])
      expect(of("loss")).toEqual([[1, 1], [2, 0.5], [3, 0.25]])
      expect(of("grad_norm")).toEqual([[1, 2], [2, 1], [3, 0.5]])
      expect(of("learning_rate")).toEqual([[1, 0.5], [2, 0.5], [3, 0.5]])
      expect(of("num_tokens")).toEqual([[1, 10], [2, 25], [3, 32]])
      expect(of("rewards/margins")).toEqual([[1, 0], [2, 3]])
      expect(of("eval_loss")).toEqual([[0, 4], [2, 5], [2, 5], [3, 6]])
      expect(curve.rows().at(-1)).toMatchObject({ policy: "dpo", policy_id: digest("b") })
    }))
})
