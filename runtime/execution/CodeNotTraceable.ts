import * as Schema from "effect/Schema"

/** Some code of a node cannot be followed, so a change in it would go unnoticed. */
export class CodeNotTraceable extends Schema.TaggedError<CodeNotTraceable>()("CodeNotTraceable", {
  file: Schema.String,
  line: Schema.optionalKey(Schema.Int),
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message(): string {
    return `${this.file}${this.line === undefined ? "" : `:${this.line}`} ${this.problem}. ${this.remedy}`
  }
}
