import { Count, optional } from "./Field.ts"

/** The config field of nodes that look at held-out data while they train. */
export const evaluateEverySteps = optional(
  Count,
  20,
  "Steps between two looks at held_out, where that is wired; before the first step and after the last there is one too."
)
