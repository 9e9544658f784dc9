import * as Schema from "effect/Schema"

/** A candidate whose tokens cannot be scored. */
export class UnusableCandidate extends Schema.TaggedError<UnusableCandidate>()("UnusableCandidate", {
  candidate_id: Schema.String,
  column: Schema.String,
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `Candidate ${this.candidate_id}, column ${this.column}: ${this.problem}. ${this.remedy}`
  }
}
