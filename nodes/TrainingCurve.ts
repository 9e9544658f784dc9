/**
 * training-curve: the curves of a training as a table for plots, a row per step and metric: loss, grad_norm and learning_rate
 * of every step, and whatever else the training node reported, by TRL's names. Several policies, each trained from the one
 * before (the rounds of GEM or PPO), make one curve whose steps count on, and so does num_tokens.
 *
 * Where one training's last look at held-out data is the next one's first, both are kept: the second is of the same weights.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Policy, TrainingCurve as Curve } from "gemflow/artifacts"
import { documented } from "./config/Field.ts"

const Trained = TableType.pick(
  Policy,
  "policy_id",
  "steps",
  "step_loss",
  "step_grad_norm",
  "step_learning_rate",
  "curves"
)

export const TrainingCurve = Node.make("training-curve", {
  doc: "The curves of a training, or of several one after the other, as a table.",
  module: import.meta.url,
  config: Schema.Struct({
    label: documented(Schema.NonEmptyString, "What the report calls this training: sft, gem, dpo ...")
  }),
  inputs: { policies: Node.many(Trained) },
  output: Curve,
  determinism: "exact",
  run: Effect.fnUntraced(function*({ config, inputs }) {
    const rows: Array<TableType.Row<typeof Curve>> = []
    let before = 0
    let tokensBefore = 0
    for (const trained of inputs.policies.flatMap((table) => table.rows())) {
      for (const { metric, step, value } of allCurves(trained)) {
        const offset = metric === "num_tokens" ? tokensBefore : 0
        step.forEach((at, index) =>
          rows.push({
            policy: config.label,
            policy_id: trained.policy_id,
            step: before + at,
            metric,
            value: offset + (value[index] ?? Number.NaN)
          })
        )
      }
      before += trained.steps
      tokensBefore += trained.curves.find(({ metric }) => metric === "num_tokens")?.value.at(-1) ?? 0
    }
    return rows
  })
})

const allCurves = (trained: TableType.Row<typeof Trained>) => {
  const step = Int32Array.from({ length: trained.steps }, (_, index) => index + 1)
  return [
    { metric: "loss", step, value: trained.step_loss },
    { metric: "grad_norm", step, value: trained.step_grad_norm },
    { metric: "learning_rate", step, value: trained.step_learning_rate },
    ...trained.curves
  ]
}
