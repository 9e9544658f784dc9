import * as Schema from "effect/Schema"
import { optional } from "./Field.ts"

/** The config field of nodes that read a reference policy. */
export const withoutAdapter = optional(
  Schema.Boolean,
  false,
  "Takes the base of a reference that has a LoRA adapter, as TRL does when it trains an adapter. A reference without one "
    + "is its base."
)
