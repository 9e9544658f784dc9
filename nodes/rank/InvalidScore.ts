import * as Schema from "effect/Schema"

/** A candidate whose score or standard error cannot be compared. */
export class InvalidScore extends Schema.TaggedError<InvalidScore>()("InvalidScore", {
  candidate_id: Schema.String,
  column: Schema.String,
  found: Schema.String,
  expected: Schema.String
}) {
  override get message() {
    return `Candidate ${this.candidate_id}, column ${this.column}: ${this.found} is not ${this.expected}; look at the node `
      + `that made the scores.`
  }
}
