import * as Schema from "effect/Schema"

/** A prompt with fewer than two candidates: there is nothing to compare, so neither a rank nor an advantage. */
export class TooFewCandidates extends Schema.TaggedError<TooFewCandidates>()("TooFewCandidates", {
  prompt_id: Schema.String,
  found: Schema.Int
}) {
  override get message() {
    return `Prompt ${this.prompt_id} has ${this.found} candidate${
      this.found === 1 ? "" : "s"
    }; comparing needs at least `
      + `two. Sample more per prompt (sample.candidates), or look at what drops rows before this node.`
  }
}
