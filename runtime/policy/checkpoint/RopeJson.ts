/** The rotary part of config.json: `rope_scaling` of transformers 4, `rope_parameters` of transformers 5. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { RotaryScaling } from "../model/Rotary.ts"
import type { Refusal } from "./UnsupportedConfig.ts"

const Positive = Schema.Finite.check(Schema.isGreaterThan(0))

export const RopeJson = Schema.Struct({
  rope_type: Schema.optionalKey(Schema.String),
  /** The name of `rope_type` in older files. */
  type: Schema.optionalKey(Schema.String),
  rope_theta: Schema.optionalKey(Positive),
  factor: Schema.optionalKey(Positive),
  low_freq_factor: Schema.optionalKey(Positive),
  high_freq_factor: Schema.optionalKey(Positive),
  original_max_position_embeddings: Schema.optionalKey(Positive),
  partial_rotary_factor: Schema.optionalKey(Schema.NullOr(Positive)),
  /** Parameters by kind of layer. */
  full_attention: Schema.optionalKey(Schema.Unknown),
  sliding_attention: Schema.optionalKey(Schema.Unknown)
})

const refuse = (field: string, problem: string, remedy: string): Result.Result<never, Refusal> =>
  Result.fail({ field, problem, remedy })

/** The scaling that the fields ask for: none for the type "default" or no type; a Refusal for what is not implemented. */
export const decodeRotaryScaling = (
  json: typeof RopeJson.Type
): Result.Result<RotaryScaling | undefined, Refusal> => {
  const type = json.rope_type ?? json.type ?? "default"
  const missing = (field: keyof typeof json): Result.Result<never, Refusal> =>
    refuse(field, `is missing, and the type ${type} needs it`, "Download config.json again.")
  const partial = json.partial_rotary_factor ?? 1
  if (partial !== 1) {
    return refuse("partial_rotary_factor", `is ${partial}`, "Only heads that rotate as a whole are implemented.")
  }
  for (const kind of ["full_attention", "sliding_attention"] as const) {
    if ((json[kind] ?? undefined) === undefined) continue
    return refuse(kind, "gives positions to a kind of layer", "Only one kind for all layers is implemented.")
  }
  switch (type) {
    case "default":
      return Result.succeed(undefined)
    case "linear":
      return json.factor === undefined ? missing("factor") : Result.succeed({ type, factor: json.factor })
    case "llama3": {
      const { factor, high_freq_factor: high, low_freq_factor: low, original_max_position_embeddings: original } = json
      if (factor === undefined) return missing("factor")
      if (low === undefined) return missing("low_freq_factor")
      if (high === undefined) return missing("high_freq_factor")
      if (original === undefined) return missing("original_max_position_embeddings")
      if (high <= low) {
        return refuse(
          "high_freq_factor",
          `is ${high}, not above low_freq_factor (${low})`,
          "Download config.json again."
        )
      }
      return Result.succeed({
        type,
        factor,
        lowFrequencyFactor: low,
        highFrequencyFactor: high,
        originalContextLength: original
      })
    }
    default:
      return refuse(
        json.rope_type === undefined ? "type" : "rope_type",
        `is ${type}`,
        "The types default, linear and llama3 are implemented; choose a checkpoint with one of them."
      )
  }
}

export const encodeRotaryScaling = (scaling: RotaryScaling) =>
  scaling.type === "linear" ? { rope_type: "linear", factor: scaling.factor } : {
    rope_type: "llama3",
    factor: scaling.factor,
    low_freq_factor: scaling.lowFrequencyFactor,
    high_freq_factor: scaling.highFrequencyFactor,
    original_max_position_embeddings: scaling.originalContextLength
  }
