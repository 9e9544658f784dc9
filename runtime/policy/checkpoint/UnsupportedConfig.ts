/** What a well-formed config.json may ask for and the forward pass cannot compute. */
import type { Architecture } from "../model/architectures/Architecture.ts"
import { scoringClass } from "../model/Heads.ts"
import type { ConfigJson } from "./ConfigJson.ts"

export interface Refusal {
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

const belongs = "Use a checkpoint whose config.json belongs to its weights."
const other = "gemflow does not compute that; choose a checkpoint without it."

/** What stands against the config; undefined when it can be run. `implemented` names the classes that can. */
export const unsupported = (family: Architecture, json: ConfigJson, implemented: string): Refusal | undefined => {
  for (const { field, problem, remedy, when } of rules(family, json, implemented)) {
    if (when) return { field, problem, remedy }
  }
  return undefined
}

function* rules(
  family: Architecture,
  json: ConfigJson,
  implemented: string
): Iterable<Refusal & { readonly when: boolean }> {
  const heads = json.num_attention_heads
  const keyValueHeads = json.num_key_value_heads ?? heads
  const headSize = json.head_dim ?? json.hidden_size / heads
  const architecture = json.architectures?.[0]
  yield {
    field: "architectures",
    when: architecture !== undefined && ![family.className, scoringClass(family.className)].includes(architecture),
    problem: `is ${architecture}`,
    remedy: `For the model_type ${family.modelType} it must be ${family.className}, or ${
      scoringClass(family.className)
    } for a reward model; ${implemented}.`
  }
  yield {
    field: "quantization_config",
    when: (json.quantization_config ?? undefined) !== undefined,
    problem: "says that the weights are quantised",
    remedy: "Use the checkpoint that they were quantised from."
  }
  yield {
    field: "hidden_act",
    when: json.hidden_act !== undefined && !["silu", "swish"].includes(json.hidden_act),
    problem: `is ${json.hidden_act}`,
    remedy: "Only silu is implemented."
  }
  yield {
    field: "num_key_value_heads",
    when: heads % keyValueHeads !== 0,
    problem: `is ${keyValueHeads}, which does not divide num_attention_heads (${heads})`,
    remedy: belongs
  }
  yield {
    field: json.head_dim === undefined || json.head_dim === null ? "hidden_size" : "head_dim",
    when: !Number.isInteger(headSize) || headSize % 2 !== 0,
    problem: `gives heads of size ${headSize}, and rotary positions need an even whole number`,
    remedy: belongs
  }
  yield {
    field: "partial_rotary_factor",
    when: (json.partial_rotary_factor ?? 1) !== 1,
    problem: `is ${json.partial_rotary_factor}`,
    remedy: "Only heads that rotate as a whole are implemented."
  }
  yield* layerRules(json)
}

function* layerRules(json: ConfigJson): Iterable<Refusal & { readonly when: boolean }> {
  const types = json.layer_types ?? []
  const strange = types.find((type) => type !== "full_attention" && type !== "sliding_attention")
  yield { field: "layer_types", when: strange !== undefined, problem: `has a layer of ${strange}`, remedy: other }
  yield {
    field: "layer_types",
    when: types.length > 0 && types.length !== json.num_hidden_layers,
    problem: `names ${types.length} layers, and num_hidden_layers is ${json.num_hidden_layers}`,
    remedy: belongs
  }
  yield {
    field: "use_mrope",
    when: json.use_mrope === true,
    problem: "asks for positions in three axes",
    remedy: other
  }
}
