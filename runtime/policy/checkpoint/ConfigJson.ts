/**
 * The config.json of a HuggingFace directory, to and from what the forward pass needs. What the forward pass does not
 * implement is refused here, by the name of its field.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { architectures } from "../model/architectures/Architectures.ts"
import { scoringClass, withScoreHead } from "../model/Heads.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { CheckpointError } from "./CheckpointError.ts"
import { decodeRotaryScaling, encodeRotaryScaling, RopeJson } from "./RopeJson.ts"
import { unsupported } from "./UnsupportedConfig.ts"

const Size = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1 << 24 }))
const Positive = Schema.Finite.check(Schema.isGreaterThan(0))
/** The fields of config.json that decide the forward pass, in the spelling of transformers 4 and of transformers 5. */
export const ConfigJson = Schema.Struct({
  model_type: Schema.String,
  architectures: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  vocab_size: Size,
  hidden_size: Size,
  intermediate_size: Size,
  num_hidden_layers: Size,
  num_attention_heads: Size,
  num_key_value_heads: Schema.optionalKey(Schema.NullOr(Size)),
  head_dim: Schema.optionalKey(Schema.NullOr(Size)),
  max_position_embeddings: Size,
  rms_norm_eps: Positive,
  rope_theta: Schema.optionalKey(Positive),
  rope_scaling: Schema.optionalKey(Schema.NullOr(RopeJson)),
  rope_parameters: Schema.optionalKey(Schema.NullOr(RopeJson)),
  tie_word_embeddings: Schema.optionalKey(Schema.Boolean),
  attention_bias: Schema.optionalKey(Schema.Boolean),
  mlp_bias: Schema.optionalKey(Schema.Boolean),
  sliding_window: Schema.optionalKey(Schema.NullOr(Size)),
  use_sliding_window: Schema.optionalKey(Schema.Boolean),
  max_window_layers: Schema.optionalKey(Schema.Int),
  layer_types: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  use_mrope: Schema.optionalKey(Schema.Boolean),
  partial_rotary_factor: Schema.optionalKey(Schema.NullOr(Positive)),
  /** silu where it is absent, as in transformers. */
  hidden_act: Schema.optionalKey(Schema.String),
  quantization_config: Schema.optionalKey(Schema.Unknown),
  initializer_range: Schema.optionalKey(Positive)
})
export type ConfigJson = typeof ConfigJson.Type

const implemented = `gemflow runs ${architectures.map(({ className }) => className).join(", ")}`

/**
 * Reads the parsed content of a config.json.
 *
 * @param path of the file, for errors.
 * @returns the config, or a CheckpointError that names the field at fault.
 */
export const decodeConfig = Effect.fnUntraced(function*(path: string, content: unknown) {
  const refuse = (place: string, problem: string, remedy: string) =>
    new CheckpointError({ path, place, problem, remedy })
  // Asked first: the other fields of an unknown architecture mean nothing here.
  const type = modelType(content)
  const family = architectures.find(({ modelType }) => modelType === type)
  if (family === undefined) {
    return yield* refuse(
      "model_type",
      `is ${JSON.stringify(type) ?? "missing"}`,
      `${implemented}; choose such a checkpoint.`
    )
  }
  const decoded = Schema.decodeUnknownResult(ConfigJson, { errors: "all" })(content)
  if (Result.isFailure(decoded)) {
    const problem = String(decoded.failure.message).replaceAll(/\s*\n\s*/g, " ")
    return yield* refuse("", `does not decode: ${problem}`, "Correct the named fields, or download the file again.")
  }
  const json = decoded.success
  const refused = unsupported(family, json, implemented)
  if (refused !== undefined) return yield* refuse(refused.field, refused.problem, refused.remedy)
  // The older field wins where both stand, as in transformers 5.
  const rope = json.rope_scaling ?? json.rope_parameters ?? {}
  const ropeScaling = decodeRotaryScaling(rope)
  if (Result.isFailure(ropeScaling)) {
    const field = (json.rope_scaling ?? undefined) === undefined ? "rope_parameters" : "rope_scaling"
    return yield* refuse(
      `${field}.${ropeScaling.failure.field}`,
      ropeScaling.failure.problem,
      ropeScaling.failure.remedy
    )
  }
  const config: ModelConfig = {
    architecture: family.className,
    vocabularySize: json.vocab_size,
    hiddenSize: json.hidden_size,
    intermediateSize: json.intermediate_size,
    layers: json.num_hidden_layers,
    heads: json.num_attention_heads,
    keyValueHeads: json.num_key_value_heads ?? json.num_attention_heads,
    headSize: json.head_dim ?? json.hidden_size / json.num_attention_heads,
    contextLength: json.max_position_embeddings,
    normEpsilon: json.rms_norm_eps,
    ropeTheta: rope.rope_theta ?? json.rope_parameters?.rope_theta ?? json.rope_theta ?? 10_000,
    ...(ropeScaling.success !== undefined && { ropeScaling: ropeScaling.success }),
    tiedEmbeddings: json.tie_word_embeddings ?? false,
    initializerRange: json.initializer_range ?? 0.02,
    ...family.traits(json)
  }
  return json.architectures?.[0] === scoringClass(family.className) ? withScoreHead(config) : config
})

const modelType = (content: unknown): unknown =>
  typeof content === "object" && content !== null && "model_type" in content ? content.model_type : undefined

/** The config.json of a new checkpoint, in the spelling that transformers 4 and 5, vLLM and llama.cpp all read. */
export const encodeConfig = (
  config: ModelConfig,
  tokens: { readonly bosId: number | undefined; readonly eosIds: ReadonlyArray<number>; readonly padId: number }
) => {
  const family = architectures.find(({ className }) => className === config.architecture)
  return {
    architectures: [config.architecture],
    model_type: family?.modelType,
    vocab_size: config.vocabularySize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headSize,
    max_position_embeddings: config.contextLength,
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.ropeTheta,
    ...(config.ropeScaling !== undefined && { rope_scaling: encodeRotaryScaling(config.ropeScaling) }),
    tie_word_embeddings: config.tiedEmbeddings,
    attention_dropout: 0,
    hidden_act: "silu",
    initializer_range: config.initializerRange,
    torch_dtype: "float32",
    use_cache: true,
    ...family?.fields(config),
    ...(tokens.bosId === undefined ? {} : { bos_token_id: tokens.bosId }),
    eos_token_id: tokens.eosIds.length === 1 ? tokens.eosIds[0] : tokens.eosIds,
    pad_token_id: tokens.padId
  }
}
