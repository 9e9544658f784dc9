import * as Schema from "effect/Schema"

/** One label that stands for two different policies. */
export class AmbiguousLabel extends Schema.TaggedError<AmbiguousLabel>()("AmbiguousLabel", {
  label: Schema.String,
  policy_ids: Schema.Array(Schema.String)
}) {
  override get message() {
    return `The label "${this.label}" stands for ${this.policy_ids.length} policies (${
      this.policy_ids.join(", ")
    }); give `
      + `each policy its own label in evaluate-answers and evaluate-preferences.`
  }
}

/** A report without a single evaluated answer or pair. */
export class NothingEvaluated extends Schema.TaggedError<NothingEvaluated>()("NothingEvaluated", {}) {
  override get message() {
    return "There is nothing to report: the tables wired to answers and preferences have no rows. Wire the outputs of "
      + "evaluate-answers and evaluate-preferences."
  }
}
