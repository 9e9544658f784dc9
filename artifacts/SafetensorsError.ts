import * as Schema from "effect/Schema"

/** A safetensors file that cannot be read, written or believed. */
export class SafetensorsError extends Schema.TaggedError<SafetensorsError>()("SafetensorsError", {
  path: Schema.String,
  /** The tensor at fault; absent when the file as a whole is. */
  tensor: Schema.optionalKey(Schema.String),
  problem: Schema.String,
  remedy: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return `${this.path}${this.tensor === undefined ? "" : `, tensor ${this.tensor}`}: ${this.problem}. ${this.remedy}`
  }
}
