import { linearLayers } from "../ModelConfig.ts"
import { type Architecture, withBiases } from "./Architecture.ts"
import { qwenWindow, qwenWindowFields } from "./SlidingWindow.ts"

/** Qwen 3, dense: queries and keys are normed per head instead of biased (Qwen team 2025). */
export const Qwen3: Architecture = {
  modelType: "qwen3",
  className: "Qwen3ForCausalLM",
  traits: (json) => ({
    queryKeyNorm: true,
    ...withBiases(json.attention_bias === true ? linearLayers.slice(0, 4) : []),
    ...qwenWindow(json)
  }),
  fields: (config) => ({ attention_bias: config.biases?.includes("q_proj") === true, ...qwenWindowFields(config) })
}
