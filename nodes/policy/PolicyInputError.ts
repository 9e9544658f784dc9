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

/** A field that is left to the policy's generation_config.json, which does not say it. */
export class NotInGenerationConfig extends Schema.TaggedError<NotInGenerationConfig>()("NotInGenerationConfig", {
  field: Schema.String
}) {
  override get message() {
    return `${this.field} is "generation_config", and the policy's generation_config.json does not state it; give a number.`
  }
}

/** A request to quantise the base of a policy that was made over another one. */
export class OtherBaseWeights extends Schema.TaggedError<OtherBaseWeights>()("OtherBaseWeights", {
  asked: Schema.String,
  found: Schema.String
}) {
  override get message() {
    return `adapter.base_weights asks for ${this.asked}, and the policy was made over weights ${this.found}; leave `
      + "base_weights out, or begin from the checkpoint."
  }
}
