/** The config fields of DPO's loss. */
import * as Schema from "effect/Schema"
import { optional, Positive } from "./Field.ts"

const MislabelledShare = Schema.Finite.check(
  Schema.isBetween({ minimum: 0, maximum: 0.5, exclusiveMaximum: true }, { expected: "a number from 0 to below 0.5" })
)

export const dpoFields = {
  beta: optional(Positive, 0.1, "How closely the policy is held to the reference: 0.1 in the paper and in TRL."),
  label_smoothing: optional(
    MislabelledShare,
    0,
    "e, the chance that a pair is labelled the wrong way round (Mitchell 2023): the loss is then "
      + "-(1 - e) log sigmoid(m) - e log sigmoid(-m)."
  )
}
