/** A way to keep keys and values of the response in a Loop's state. */
import type { Shape } from "../../runtime/onnx/Dimension.ts"
import type { Graph, Tensor } from "../../runtime/onnx/Graph.ts"
import type { LayerCache, PromptCache } from "../../runtime/policy/model/CachedAttention.ts"
import type { Attend } from "../../runtime/policy/model/Decoder.ts"
import type { ModelConfig } from "../../runtime/policy/model/ModelConfig.ts"

export interface CacheStep {
  readonly config: ModelConfig
  readonly prompt: PromptCache
  /** int32 [prompts] */
  readonly promptLengths: Tensor
  /** What each layer has of the response so far. */
  readonly state: ReadonlyArray<LayerCache>
  /** int64 [] */
  readonly step: Tensor
  /** Receives each layer's cache with the new token in it. */
  readonly extended: Array<LayerCache>
}

export interface CacheVariant {
  readonly name: string
  readonly start: (program: Graph, config: ModelConfig, prompt: PromptCache) => ReadonlyArray<LayerCache>
  /** Shape of keys and values in the state; `length` where they grow. */
  readonly shape: (config: ModelConfig) => Shape
  readonly attend: (step: CacheStep) => Attend
}
