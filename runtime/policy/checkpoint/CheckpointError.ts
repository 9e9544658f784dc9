import * as Schema from "effect/Schema"

/** A checkpoint directory that cannot be opened or saved: which file, where in it, what is wrong and what to do. */
export class CheckpointError extends Schema.TaggedError<CheckpointError>()("CheckpointError", {
  /** Path of the file at fault. */
  path: Schema.String,
  /** Where in the file: a field ("rope_scaling.type") or a tensor ("model.norm.weight"); "" for the whole file. */
  place: Schema.String,
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `${this.path}${this.place === "" ? "" : `, ${this.place}`}: ${this.problem}. ${this.remedy}`
  }
}
