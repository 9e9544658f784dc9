import { linearLayers } from "../ModelConfig.ts"
import { type Architecture, withBiases } from "./Architecture.ts"

const attention = linearLayers.slice(0, 4)
const feedForward = linearLayers.slice(4)

/** Llama 2, 3, 3.1, 3.2 (Touvron et al. 2023; Llama team 2024). */
export const Llama: Architecture = {
  modelType: "llama",
  className: "LlamaForCausalLM",
  traits: (json) =>
    withBiases([
      ...(json.attention_bias === true ? attention : []),
      ...(json.mlp_bias === true ? feedForward : [])
    ]),
  fields: ({ biases = [] }) => ({
    attention_bias: biases.includes("q_proj"),
    mlp_bias: biases.includes("up_proj")
  })
}
