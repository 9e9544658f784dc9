/** The adapter_config.json of a PEFT directory, to and from what the forward pass needs. What it does not implement is refused. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { CheckpointError } from "../checkpoint/CheckpointError.ts"
import { linearLayers, type ModelConfig } from "../model/ModelConfig.ts"
import { type AdapterConfig, linearModules, uniformKinds } from "./AdapterConfig.ts"

const AdapterJson = Schema.Struct({
  peft_type: Schema.String,
  r: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1 << 16 })),
  lora_alpha: Schema.Finite,
  lora_dropout: Schema.optionalKey(
    Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMaximum: true }))
  ),
  use_rslora: Schema.optionalKey(Schema.Boolean),
  target_modules: Schema.Union([Schema.Array(Schema.String), Schema.String]),
  modules_to_save: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
})

/** Fields that narrow target_modules, or a regular expression in it: which layers are adapted is then read from the tensors. */
const narrowing = ["exclude_modules", "layers_pattern", "layers_to_transform"] as const

/** Fields that leave the forward pass as it is, or that are read above. */
const harmless = new Set([
  ...Object.keys(AdapterJson.fields),
  "auto_mapping",
  "base_model_name_or_path",
  "corda_config",
  "eva_config",
  // Said of layers that store [inputs, outputs], which these families have none of; PEFT ignores it for others.
  "fan_in_fan_out",
  "inference_mode",
  "lora_ga_config",
  "loftq_config",
  "megatron_core",
  "peft_version",
  "qalora_group_size",
  "revision",
  "runtime_config",
  "task_type",
  ...narrowing
])

/** First values of the factors that leave the base as it is; others (PiSSA, OLoRA, ...) change it when PEFT loads it. */
const initialisations: ReadonlySet<unknown> = new Set([undefined, null, true, false, "gaussian", "eva", "orthogonal"])

const isOff = (value: unknown): boolean =>
  value === null || value === undefined || value === false || value === "none"
  || (typeof value === "object" && Object.keys(value).length === 0)

/** The modules that PEFT keeps whole of a model for sequence classification: its score head, by either of two names. */
const scoreModules: ReadonlySet<string> = new Set(["score", "classifier"])

/** What of a well-formed config the forward pass cannot compute, by field. */
const refusal = (content: object): readonly [field: string, problem: string] | undefined => {
  for (const [field, value] of Object.entries(content)) {
    const shown = JSON.stringify(value)
    if (field === "init_lora_weights") {
      if (!initialisations.has(value)) return [field, `is ${shown}, which changes the base weights as well`]
    } else if (!harmless.has(field) && !isOff(value)) return [field, `is ${shown.slice(0, 80)}`]
  }
  return undefined
}

/**
 * Reads the parsed content of an adapter_config.json.
 *
 * @param path of the file, for errors.
 * @param stored modules that the adapter's file has tensors for.
 */
export const decodeAdapterConfig = Effect.fnUntraced(function*(
  path: string,
  content: unknown,
  config: ModelConfig,
  stored: ReadonlySet<string>
) {
  const refuse = (place: string, problem: string, remedy: string) =>
    new CheckpointError({ path, place, problem, remedy })
  const plainLora = "gemflow reads plain LoRA adapters; train one, or merge this one with PEFT's merge_and_unload."
  const type = typeof content === "object" && content !== null && "peft_type" in content ? content.peft_type : undefined
  if (type !== "LORA") return yield* refuse("peft_type", `is ${JSON.stringify(type) ?? "missing"}`, plainLora)
  const decoded = Schema.decodeUnknownResult(AdapterJson, { errors: "all" })(content)
  if (Result.isFailure(decoded)) {
    const problem = String(decoded.failure.message).replaceAll(/\s*\n\s*/g, " ")
    return yield* refuse(
      "",
      `does not decode: ${problem}`,
      "Correct the named fields, or save the adapter again with PEFT."
    )
  }
  const refused = refusal(Object(content))
  if (refused !== undefined) return yield* refuse(refused[0], refused[1], plainLora)
  const json = decoded.success
  const kept = json.modules_to_save ?? []
  if (!kept.every((module) => scoreModules.has(module))) {
    return yield* refuse("modules_to_save", `is ${JSON.stringify(kept)}`, plainLora)
  }
  const all = linearModules(config)
  // As PEFT matches: a whole name, or what follows a dot.
  const matches = (target: string) => (module: string) => module === target || module.endsWith(`.${target}`)
  const targets = typeof json.target_modules === "string" ? [] : json.target_modules
  const stray = targets.find((target) => !all.some(matches(target)))
  if (stray !== undefined) {
    return yield* refuse(
      "target_modules",
      `names ${JSON.stringify(stray)}, which is not a linear layer of the base model's blocks`,
      `Adapters change ${linearLayers.join(", ")}; use the base model that this adapter was trained on.`
    )
  }
  const narrowed = narrowing.some((field) => !isOff(Object(content)[field]))
  const named = targets.length > 0 && !narrowed
  const modules = all.filter((module) => named ? targets.some((target) => matches(target)(module)) : stored.has(module))
  if (modules.length === 0) {
    return yield* refuse("target_modules", "fits none of the stored tensors", "Save the adapter again with PEFT.")
  }
  const adapter: AdapterConfig = {
    rank: json.r,
    alpha: json.lora_alpha,
    rankStabilised: json.use_rslora ?? false,
    dropout: json.lora_dropout ?? 0,
    modules,
    ...(kept.length > 0 && { scoreHead: true })
  }
  return adapter
})

/** The adapter_config.json that PEFT reads. */
export const encodeAdapterConfig = (config: ModelConfig, adapter: AdapterConfig) => ({
  // Where the base lies differs between machines; an adapter of equal values is an equal directory.
  base_model_name_or_path: null,
  bias: "none",
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  lora_alpha: adapter.alpha,
  lora_dropout: adapter.dropout,
  peft_type: "LORA",
  r: adapter.rank,
  target_modules: uniformKinds(config, adapter.modules) ?? adapter.modules,
  ...(adapter.scoreHead === true
    ? { task_type: "SEQ_CLS", modules_to_save: ["classifier", "score"] }
    : { task_type: "CAUSAL_LM" }),
  use_rslora: adapter.rankStabilised
})
