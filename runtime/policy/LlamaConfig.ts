/**
 * The architecture of a Llama-family checkpoint, read from the `config.json` of a HuggingFace directory.
 * What the forward pass does not implement is refused here, by the name of its field.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { CheckpointError } from "./CheckpointError.ts"

export interface LlamaConfig {
  /** Entries of the embedding table; token ids are below it. */
  readonly vocabularySize: number
  /** Width of the residual stream. */
  readonly hiddenSize: number
  /** Width inside the gated feed-forward block. */
  readonly intermediateSize: number
  readonly layers: number
  /** Query heads. */
  readonly heads: number
  /** Key/value heads; each serves `heads / keyValueHeads` query heads (grouped-query attention). */
  readonly keyValueHeads: number
  readonly headSize: number
  /** Longest sequence, prompt and response together, in tokens. */
  readonly contextLength: number
  readonly normEpsilon: number
  /** Base of the rotary position angles: position / theta^(2i / headSize). */
  readonly ropeTheta: number
  /** The language-model head is the embedding table. */
  readonly tiedEmbeddings: boolean
  /** Standard deviation of random initial weights. */
  readonly initializerRange: number
}

const Size = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1 << 24 }))
const Positive = Schema.Finite.check(Schema.isGreaterThan(0))
const RopeType = Schema.Struct({
  rope_type: Schema.optionalKey(Schema.String),
  type: Schema.optionalKey(Schema.String),
  rope_theta: Schema.optionalKey(Positive)
})

/** The fields of config.json that decide the forward pass, in the spelling of transformers 4 and of transformers 5. */
const ConfigJson = Schema.Struct({
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
  rope_scaling: Schema.optionalKey(Schema.NullOr(RopeType)),
  rope_parameters: Schema.optionalKey(Schema.NullOr(RopeType)),
  tie_word_embeddings: Schema.optionalKey(Schema.Boolean),
  attention_bias: Schema.optionalKey(Schema.Boolean),
  mlp_bias: Schema.optionalKey(Schema.Boolean),
  hidden_act: Schema.String,
  initializer_range: Schema.optionalKey(Positive)
})
type ConfigJson = typeof ConfigJson.Type

interface Refusal {
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

const implemented = "gemflow implements the Llama architecture (LlamaForCausalLM)"

/** What of a well-formed config the forward pass cannot compute; undefined when it can. */
const refusal = (json: ConfigJson): Refusal | undefined => {
  const heads = json.num_attention_heads
  const keyValueHeads = json.num_key_value_heads ?? heads
  const headSize = json.head_dim ?? json.hidden_size / heads
  const rope = ropeType(json)
  const architecture = json.architectures?.[0]
  if (architecture !== undefined && architecture !== "LlamaForCausalLM") {
    return {
      field: "architectures",
      problem: `is ${architecture}`,
      remedy: `${implemented}; choose such a checkpoint.`
    }
  }
  if (json.hidden_act !== "silu") {
    return { field: "hidden_act", problem: `is ${json.hidden_act}`, remedy: "Only silu is implemented." }
  }
  if (json.attention_bias === true || json.mlp_bias === true) {
    const field = json.attention_bias === true ? "attention_bias" : "mlp_bias"
    return { field, problem: "is true", remedy: "Biases are not implemented; choose a checkpoint without them." }
  }
  if (rope !== undefined) {
    return {
      field: rope.field,
      problem: `asks for rotary scaling of type ${rope.type}`,
      remedy: "Only unscaled rotary positions are implemented; choose a checkpoint without rope scaling."
    }
  }
  if (heads % keyValueHeads !== 0) {
    return {
      field: "num_key_value_heads",
      problem: `is ${keyValueHeads}, which does not divide num_attention_heads (${heads})`,
      remedy: "Use a checkpoint whose config.json belongs to its weights."
    }
  }
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) {
    return {
      field: json.head_dim === undefined ? "hidden_size" : "head_dim",
      problem: `gives heads of size ${headSize}, and rotary positions need an even whole number`,
      remedy: "Use a checkpoint whose config.json belongs to its weights."
    }
  }
}

const ropeType = (json: ConfigJson) => {
  for (const field of ["rope_scaling", "rope_parameters"] as const) {
    const type = json[field]?.rope_type ?? json[field]?.type ?? "default"
    if (type !== "default") return { field: `${field}.rope_type`, type }
  }
}

/**
 * Reads the parsed content of a config.json.
 *
 * @param path of the file, for errors.
 * @returns the config, or a CheckpointError that names the field at fault.
 */
export const decodeLlamaConfig = Effect.fnUntraced(function*(path: string, content: unknown) {
  const refuse = (place: string, problem: string, remedy: string) =>
    new CheckpointError({ path, place, problem, remedy })
  // Asked first: the other fields of an unknown architecture mean nothing here.
  const type = modelType(content)
  if (type !== "llama") {
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
  const refused = refusal(json)
  if (refused !== undefined) return yield* refuse(refused.field, refused.problem, refused.remedy)
  const config: LlamaConfig = {
    vocabularySize: json.vocab_size,
    hiddenSize: json.hidden_size,
    intermediateSize: json.intermediate_size,
    layers: json.num_hidden_layers,
    heads: json.num_attention_heads,
    keyValueHeads: json.num_key_value_heads ?? json.num_attention_heads,
    headSize: json.head_dim ?? json.hidden_size / json.num_attention_heads,
    contextLength: json.max_position_embeddings,
    normEpsilon: json.rms_norm_eps,
    ropeTheta: json.rope_parameters?.rope_theta ?? json.rope_scaling?.rope_theta ?? json.rope_theta ?? 10_000,
    tiedEmbeddings: json.tie_word_embeddings ?? false,
    initializerRange: json.initializer_range ?? 0.02
  }
  return config
})

const modelType = (content: unknown): unknown =>
  typeof content === "object" && content !== null && "model_type" in content ? content.model_type : undefined

/** The config.json of a new checkpoint, in the spelling that transformers 4 and 5, vLLM and llama.cpp all read. */
export const encodeLlamaConfig = (
  config: LlamaConfig,
  tokens: { readonly bosId: number | undefined; readonly eosIds: ReadonlyArray<number>; readonly padId: number }
) => ({
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
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
  tie_word_embeddings: config.tiedEmbeddings,
  attention_bias: false,
  attention_dropout: 0,
  mlp_bias: false,
  hidden_act: "silu",
  initializer_range: config.initializerRange,
  torch_dtype: "float32",
  use_cache: true,
  ...(tokens.bosId === undefined ? {} : { bos_token_id: tokens.bosId }),
  eos_token_id: tokens.eosIds.length === 1 ? tokens.eosIds[0] : tokens.eosIds,
  pad_token_id: tokens.padId
})
