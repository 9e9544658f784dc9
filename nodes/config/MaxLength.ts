import * as Schema from "effect/Schema"

/** The config field of the longest sequence, for nodes that encode pairs. */
export const maxLength = Schema.optionalKey(
  Schema.Int.check(Schema.isGreaterThanOrEqualTo(2, { expected: "an integer of at least 2" })).annotate({
    description:
      "Longest prompt and response together, in tokens: 1024 in TRL. Left out, or beyond it, the policy's context."
  })
)
