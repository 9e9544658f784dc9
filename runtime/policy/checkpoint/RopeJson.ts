/** The rotary part of config.json: `rope_scaling` of transformers 4, `rope_parameters` of transformers 5. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { RotaryScaling } from "../model/Rotary.ts"

const Positive = Schema.Finite.check(Schema.isGreaterThan(0))

export const RopeJson = Schema.Struct({
  rope_type: Schema.optionalKey(Schema.String),
  /** The name of `rope_type` in older files. */
  type: Schema.optionalKey(Schema.String),
  rope_theta: Schema.optionalKey(Positive),
  factor: Schema.optionalKey(Positive),
  low_freq_factor: Schema.optionalKey(Positive),
  high_freq_factor: Schema.optionalKey(Positive),
  original_max_position_embeddings: Schema.optionalKey(Positive)
})

interface Refusal {
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

/** The scaling that the fields ask for: none for the type "default" or no type; a Refusal for what is not implemented. */
export const decodeRotaryScaling = (
  json: typeof RopeJson.Type
): Result.Result<RotaryScaling | undefined, Refusal> => {
  const type = json.rope_type ?? json.type ?? "default"
  const missing = (field: keyof typeof json): Result.Result<never, Refusal> =>
    Result.fail({ field, problem: `is missing, and the type ${type} needs it`, remedy: "Download config.json again." })
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
        return Result.fail({
          field: "high_freq_factor",
          problem: `is ${high}, not above low_freq_factor (${low})`,
          remedy: "Download config.json again."
        })
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
      return Result.fail({
        field: "rope_type",
        problem: `is ${type}`,
        remedy: "The types default, linear and llama3 are implemented; choose a checkpoint with one of them."
      })
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
