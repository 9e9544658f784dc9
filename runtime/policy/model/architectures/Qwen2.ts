import type { Architecture } from "./Architecture.ts"
import { qwenWindow, qwenWindowFields } from "./SlidingWindow.ts"

/** Qwen 2 and 2.5: biases on queries, keys and values (Qwen team 2024). */
export const Qwen2: Architecture = {
  modelType: "qwen2",
  className: "Qwen2ForCausalLM",
  traits: (json) => ({ biases: ["q_proj", "k_proj", "v_proj"], ...qwenWindow(json) }),
  fields: qwenWindowFields
}
