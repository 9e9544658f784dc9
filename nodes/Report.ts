/**
 * report: what a pipeline did to its policies, a row per label in the order in which the evaluations are wired.
 *
 * Answers and pairs of one prompt are not independent, so both kinds of 95 % interval take the prompt as the unit:
 *
 * - `wilson` (default): Wilson's score interval with the effective number of observations of a sample in clusters; with one
 *   observation per prompt it is the plain Wilson interval. It is sensible also at accuracies of 0 and 1.
 * - `cluster-bootstrap`: percentiles of the accuracy over prompts drawn with replacement; without width at 0 and 1.
 *
 * nodes/statistics/ProportionInterval.ts has the formulas. Every accuracy is over all rows of a label; it is null where the
 * label has answers alone, or preferences alone.
 *
 * @errors AmbiguousLabel when a label stands for two policies; NothingEvaluated when there is no evaluation at all.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { AnswerEvaluation, PreferenceEvaluation, Report as ReportTable } from "gemflow/artifacts"
import { Count, optional, Seed } from "./config/Field.ts"
import { AmbiguousLabel, NothingEvaluated } from "./report/ReportError.ts"
import { mean } from "./statistics/Moments.ts"
import { bootstrapInterval, clusters, type Proportion, wilsonInterval } from "./statistics/ProportionInterval.ts"

const Config = Schema.Struct({
  interval: optional(
    Schema.Literals(["wilson", "cluster-bootstrap"]),
    "wilson",
    "The 95 % interval of an accuracy; both take the prompt as the unit."
  ),
  resamples: optional(Count, 2000, "cluster-bootstrap: how many resamples."),
  seed: optional(Seed, 0, "cluster-bootstrap: seed of the resamples.")
})

const Answers = TableType.pick(
  AnswerEvaluation,
  "policy",
  "policy_id",
  "prompt_id",
  "correct",
  "response_tokens",
  "prompt_truncated",
  "finished"
)
const Preferences = TableType.pick(
  PreferenceEvaluation,
  "policy",
  "policy_id",
  "prompt_id",
  "correct",
  "correct_per_token",
  "truncated"
)

export const Report = Node.make("report", {
  doc: "Compares policies on held-out data: answer and preference accuracy with 95 % intervals.",
  module: import.meta.url,
  config: Config,
  inputs: { answers: Node.many(Answers), preferences: Node.many(Preferences) },
  output: ReportTable,
  determinism: "exact",
  run: Effect.fn("Report.run")(function*({ config, inputs }) {
    const answers = inputs.answers.flatMap((table) => table.rows())
    const preferences = inputs.preferences.flatMap((table) => table.rows())
    const evaluations = Map.groupBy([...answers, ...preferences], ({ policy }) => policy)

    const rows: Array<TableType.Row<typeof ReportTable>> = []
    for (const [label, ofLabel] of evaluations) {
      const policy_ids = [...new Set(ofLabel.map(({ policy_id }) => policy_id))]
      if (policy_ids.length > 1) return yield* new AmbiguousLabel({ label, policy_ids })
      const answered = answers.filter(({ policy }) => policy === label)
      const preferred = preferences.filter(({ policy }) => policy === label)
      const answer = accuracy(answered, config)
      const preference = accuracy(preferred, config)
      rows.push({
        policy: label,
        answer_accuracy: answer.value,
        answer_low: answer.low,
        answer_high: answer.high,
        answers: answered.length,
        preference_accuracy: preference.value,
        preference_low: preference.low,
        preference_high: preference.high,
        preference_accuracy_per_token: average(preferred, ({ correct_per_token }) => Number(correct_per_token)),
        pairs: preferred.length,
        mean_response_tokens: average(answered, ({ response_tokens }) => response_tokens),
        finished_fraction: average(answered, ({ finished }) => Number(finished)),
        truncated: preferred.filter(({ truncated }) => truncated).length
          + answered.filter(({ prompt_truncated }) => prompt_truncated).length
      })
    }
    if (rows.length === 0) return yield* new NothingEvaluated({})
    return rows
  })
})

type Judged = { readonly prompt_id: string; readonly correct: boolean }

const accuracy = (
  judged: ReadonlyArray<Judged>,
  config: typeof Config.Type
): Proportion | Record<keyof Proportion, null> => {
  if (judged.length === 0) return { value: null, low: null, high: null }
  const prompts = clusters(judged, ({ prompt_id }) => prompt_id, ({ correct }) => correct)
  return config.interval === "wilson" ? wilsonInterval(prompts) : bootstrapInterval(prompts, config)
}

const average = <A>(items: ReadonlyArray<A>, value: (item: A) => number): number | null =>
  items.length === 0 ? null : mean(items.map(value))
