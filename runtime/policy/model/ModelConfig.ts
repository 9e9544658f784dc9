/** What the forward pass needs to know of a checkpoint, for every family. */
import type { RotaryScaling } from "./Rotary.ts"

export interface ModelConfig {
  /** The class transformers runs it with; names the family: `LlamaForCausalLM`. */
  readonly architecture: string
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
  /** How rotary angles are stretched beyond the context the model was pretrained on; absent leaves them. */
  readonly ropeScaling?: RotaryScaling
  /** The language-model head is the embedding table. */
  readonly tiedEmbeddings: boolean
  /** A reward model: `score.weight` [1, hiddenSize] stands in place of the language-model head. */
  readonly scoreHead?: boolean
  /** Linear layers of a block that add a bias. */
  readonly biases?: ReadonlyArray<LinearLayer>
  /** Queries and keys are normed per head before they are rotated (Qwen 3). */
  readonly queryKeyNorm?: boolean
  /** Layers whose position p sees only the positions above p - size (sliding window); absent where all see all. */
  readonly window?: { readonly size: number; readonly layers: ReadonlyArray<number> }
  /** Standard deviation of random initial weights. */
  readonly initializerRange: number
}

/** The linear layers of a block, as HuggingFace names them. */
export const linearLayers = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] as const
export type LinearLayer = (typeof linearLayers)[number]

/** The full name of a linear layer of a block: `model.layers.3.self_attn.q_proj`. */
export const moduleName = (layer: number, linear: LinearLayer): string =>
  `${layerName(layer)}.${/^(gate|up|down)/.test(linear) ? "mlp" : "self_attn"}.${linear}`

export const layerName = (layer: number): string => `model.layers.${layer}`

/** How far back the positions of a layer see, themselves included; undefined where they see everything before them. */
export const windowOf = ({ window }: ModelConfig, layer: number): number | undefined =>
  window?.layers.includes(layer) === true ? window.size : undefined
