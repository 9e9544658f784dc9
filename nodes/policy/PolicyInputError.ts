import * as Schema from "effect/Schema"

/** A policy table that does not hold exactly one policy. */
export class NotOnePolicy extends Schema.TaggedError<NotOnePolicy>()("NotOnePolicy", { found: Schema.Int }) {
  override get message() {
    return `Expected a table with one policy, found ${this.found}; wire the output of checkpoint, reflective-sft or update.`
  }
}

/** A limit on new tokens that leaves no room for a prompt. */
export class NoRoomForPrompt extends Schema.TaggedError<NoRoomForPrompt>()("NoRoomForPrompt", {
  contextLength: Schema.Int,
  maxNewTokens: Schema.Int
}) {
  override get message() {
    return `max_new_tokens is ${this.maxNewTokens}, which leaves no room for a prompt in the policy's context of `
      + `${this.contextLength} tokens; set it below ${this.contextLength}.`
  }
}
