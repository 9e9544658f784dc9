import type { Architecture } from "./Architecture.ts"
import { everyLayer } from "./SlidingWindow.ts"

/** Mistral 7B and its successors of the same class: a sliding window in every layer (Jiang et al. 2023). */
export const Mistral: Architecture = {
  modelType: "mistral",
  className: "MistralForCausalLM",
  traits: (json) => {
    // Absent, transformers takes 4096; null is "none".
    const size = json.sliding_window === undefined ? 4096 : json.sliding_window
    return size === null ? {} : { window: { size, layers: everyLayer(json) } }
  },
  fields: ({ window }) => ({ sliding_window: window?.size ?? null })
}
