import * as Schema from "effect/Schema"

/** A program that could not be loaded or run on its device. */
export class SessionError extends Schema.TaggedError<SessionError>()("SessionError", {
  /** The program's name, as given to `graph`. */
  program: Schema.String,
  device: Schema.String,
  operation: Schema.Literals(["open", "run", "read"]),
  /** What went wrong; onnxruntime's own words where it said something. */
  problem: Schema.String,
  /** What to do about it. */
  remedy: Schema.String
}) {
  override get message() {
    return `cannot ${this.operation} the program ${this.program} on ${this.device}: ${this.problem}. ${this.remedy}`
  }
}
