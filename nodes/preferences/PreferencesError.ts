import * as Schema from "effect/Schema"

/** A line of a preference file that is not a preference pair. */
export class MalformedLine extends Schema.TaggedError<MalformedLine>()("MalformedLine", {
  path: Schema.String,
  /** 1-based line number. */
  line: Schema.Int,
  /** Where in the line, e.g. `chosen` or `prompt[0].role`; empty for the whole line. */
  field: Schema.String,
  expected: Schema.String,
  found: Schema.String
}) {
  override get message() {
    const place = this.field === "" ? "" : `, field ${this.field}`
    return `${this.path}, line ${this.line}${place}: expected ${this.expected}, found ${this.found}.`
  }
}

/** A preference file that cannot be read, is too large, or holds nothing. */
export class UnusableFile extends Schema.TaggedError<UnusableFile>()("UnusableFile", {
  path: Schema.String,
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `${this.path}: ${this.problem}. ${this.remedy}`
  }
}

/** A split that would leave one of its parts without a prompt. */
export class EmptyPart extends Schema.TaggedError<EmptyPart>()("EmptyPart", {
  prompts: Schema.Int
}) {
  override get message() {
    return `The pairs have ${this.prompts} distinct prompt${
      this.prompts === 1 ? "" : "s"
    }; a split into train and held-out `
      + `needs at least two, because one prompt is never on both sides. Give more data, or raise preference-pairs.limit.`
  }
}
