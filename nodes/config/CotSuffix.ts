import * as Schema from "effect/Schema"
import { optional } from "./Field.ts"

/** The config field of the instruction that asks for a chain of thought, for nodes that put prompts to a policy. */
export const cotSuffix = optional(
  Schema.String,
  "",
  "Text appended to the prompt's last user message, such as \" Let's think step by step.\". Use the same in every node "
    + "that reads the prompts: a log-prob is of the prompt as the policy read it."
)
