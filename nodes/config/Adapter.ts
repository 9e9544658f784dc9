/** The config field of nodes that train: a low-rank adapter in place of all weights (LoRA, Hu et al. 2021). */
import * as Schema from "effect/Schema"
import { linearLayers } from "../../runtime/policy/model/ModelConfig.ts"
import { optional, Positive, ProbabilityBelowOne } from "./Field.ts"

/** Left out, a base computes with its weights as they are stored. */
export const baseWeightsField = Schema.optionalKey(
  Schema.Literals(["int8", "int4"]).annotate({
    description:
      "Quantises the linear layers of the base, once: whatever runs the policy computes with these. Left out, the "
      + "base stays as it was."
  })
)

/** Larger than any matrix is wide, and what an adapter's file may say. */
const Rank = Schema.Int.check(
  Schema.isBetween({ minimum: 1, maximum: 65_536 }, { expected: "an integer from 1 to 65536" })
)

export const AdapterFields = Schema.Struct({
  rank: optional(Rank, 16, "r: inner size of the product B A that is added to each target matrix."),
  alpha: optional(Positive, 32, "The product is scaled by alpha / rank."),
  target_modules: optional(
    Schema.Array(Schema.Literals(linearLayers)).check(
      Schema.isMinLength(1, { expected: `at least one of ${linearLayers.join(", ")}` })
    ),
    linearLayers,
    "The linear layers of every block that get a product of their own."
  ),
  dropout: optional(ProbabilityBelowOne, 0, "Share of a layer's inputs that a training step hides from the adapter."),
  rank_stabilised: optional(Schema.Boolean, false, "Scales by alpha / sqrt(rank) instead (rsLoRA)."),
  base_weights: baseWeightsField
})

export type AdapterFields = typeof AdapterFields.Type

/**
 * Left out, a node trains all weights, or the adapter that its policy has. A policy with an adapter takes no other form of
 * adapter: give the same rank, alpha and target modules, or leave this out.
 */
export const adapterField = Schema.optionalKey(
  AdapterFields.annotate({
    description:
      "Trains a LoRA adapter of this form, at rates about ten times those of all weights. Left out, all weights are trained, or "
      + "the adapter that the policy has."
  })
)
