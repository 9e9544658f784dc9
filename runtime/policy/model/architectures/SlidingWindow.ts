import type { ConfigJson } from "../../checkpoint/ConfigJson.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import type { Traits } from "./Architecture.ts"

export const everyLayer = (json: ConfigJson): ReadonlyArray<number> =>
  Array.from({ length: json.num_hidden_layers }, (_, layer) => layer)

/**
 * The window of the Qwen families: only with `use_sliding_window`, and in the layers that `layer_types` lists or, in
 * older files, from `max_window_layers` on (28 where it is absent, as in transformers).
 */
export const qwenWindow = (json: ConfigJson): Pick<Traits, "window"> => {
  const size = json.sliding_window ?? undefined
  if (json.use_sliding_window !== true || size === undefined) return {}
  const types = json.layer_types ?? undefined
  const layers = everyLayer(json).filter((layer) =>
    types === undefined ? layer >= (json.max_window_layers ?? 28) : types[layer] === "sliding_attention"
  )
  return layers.length === 0 ? {} : { window: { size, layers } }
}

export const qwenWindowFields = ({ layers, window }: ModelConfig) => ({
  use_sliding_window: window !== undefined,
  sliding_window: window?.size ?? null,
  max_window_layers: window?.layers[0] ?? layers,
  ...(window !== undefined && {
    layer_types: Array.from(
      { length: layers },
      (_, layer) => window.layers.includes(layer) ? "sliding_attention" : "full_attention"
    )
  })
})
