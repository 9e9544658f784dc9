/** The models that are measured, drawn at random: their speed does not depend on what they have learnt. */
import type { ModelConfig } from "../../../runtime/policy/model/ModelConfig.ts"

const common = {
  architecture: "LlamaForCausalLM",
  contextLength: 512,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedEmbeddings: true,
  initializerRange: 0.02
} as const

export const sizes = {
  /** For smoke runs and tests. */
  tiny: {
    ...common,
    vocabularySize: 512,
    hiddenSize: 64,
    intermediateSize: 176,
    layers: 2,
    heads: 4,
    keyValueHeads: 2,
    headSize: 16
  },
  "5M": {
    ...common,
    vocabularySize: 4096,
    hiddenSize: 256,
    intermediateSize: 688,
    layers: 5,
    heads: 8,
    keyValueHeads: 4,
    headSize: 32
  },
  "50M": {
    ...common,
    vocabularySize: 16_000,
    hiddenSize: 512,
    intermediateSize: 1408,
    layers: 14,
    heads: 8,
    keyValueHeads: 4,
    headSize: 64
  }
} as const satisfies Record<string, ModelConfig>

export type Size = keyof typeof sizes
