/** Joins tables by candidate_id. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** A candidate of one table that another, which should have it, lacks. */
export class CandidateNotThere extends Schema.TaggedError<CandidateNotThere>()("CandidateNotThere", {
  candidate_id: Schema.String,
  /** The input that has it. */
  asked: Schema.String,
  /** The input that lacks it. */
  lacking: Schema.String
}) {
  override get message() {
    return `Candidate ${this.candidate_id} is in ${this.asked} and not in ${this.lacking}; wire tables that were made of `
      + "the same sampled candidates."
  }
}

/** Finds rows by candidate_id. `lacking` names the input they are from and `asked` the one that asks, for errors. */
export const byCandidate = <A extends { readonly candidate_id: string }>(
  rows: ReadonlyArray<A>,
  { asked, lacking }: { readonly asked: string; readonly lacking: string }
) => {
  const known = new Map(rows.map((row) => [row.candidate_id, row]))
  return (candidate_id: string): Effect.Effect<A, CandidateNotThere> => {
    const row = known.get(candidate_id)
    return row === undefined
      ? Effect.fail(new CandidateNotThere({ candidate_id, asked, lacking }))
      : Effect.succeed(row)
  }
}
