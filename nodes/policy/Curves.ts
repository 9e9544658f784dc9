/** The curves of a training, as the Policy table keeps them. */
import type { TableType } from "gemflow"
import type { Policy } from "gemflow/artifacts"
import type { Evaluation, TrainStep } from "../../runtime/policy/Policy.ts"
import type { TrainItem } from "../../runtime/policy/train/Objective.ts"

type Curves = TableType.Row<typeof Policy>["curves"]

type Metrics = Readonly<Record<string, number>>

interface Measured {
  readonly step: number
  readonly metrics: Metrics
}

/**
 * A curve for each metric of the loss; `num_tokens`, the tokens of prompts and responses read so far; and for what was
 * evaluated `eval_loss` and `eval_` + metric.
 *
 * @param known metrics of each step that were known before it was taken.
 */
export const curvesOf = (
  training: { readonly steps: ReadonlyArray<TrainStep>; readonly evaluations: ReadonlyArray<Evaluation> },
  items: ReadonlyArray<ReadonlyArray<TrainItem>>,
  known: ReadonlyArray<Metrics> = []
): Curves => {
  let tokens = 0
  const steps = training.steps.map(({ metrics, step }): Measured => {
    tokens += tokensOf(items[step - 1] ?? [])
    return { step, metrics: { ...metrics, ...known[step - 1], num_tokens: tokens } }
  })
  const evaluations = training.evaluations.map(({ loss, metrics, step }): Measured => ({
    step,
    metrics: Object.fromEntries(
      Object.entries({ loss, ...metrics }).map(([name, value]) => [`eval_${name}`, value])
    )
  }))
  return [...byMetric(steps), ...byMetric(evaluations)]
}

const byMetric = (measured: ReadonlyArray<Measured>): Curves => {
  const names = new Set(measured.flatMap(({ metrics }) => Object.keys(metrics)))
  return [...names].map((metric) => {
    const points = measured.flatMap(({ metrics, step }) => {
      const value = metrics[metric]
      return value === undefined ? [] : [{ step, value }]
    })
    return {
      metric,
      step: Int32Array.from(points, ({ step }) => step),
      value: Float64Array.from(points, ({ value }) => value)
    }
  })
}

const tokensOf = (items: ReadonlyArray<TrainItem>): number =>
  items.reduce(
    (sum, { sequences }) => sequences.reduce((n, { prompt, response }) => n + prompt.length + response.length, sum),
    0
  )
