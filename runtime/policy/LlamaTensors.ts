import type { LlamaConfig } from "./LlamaConfig.ts"

/** The weights of a Llama checkpoint by their HuggingFace names, with their shapes (matrices are [outputs, inputs]). */
export const llamaTensors = (config: LlamaConfig): ReadonlyMap<string, ReadonlyArray<number>> => {
  const { hiddenSize, intermediateSize, vocabularySize } = config
  const queries = config.heads * config.headSize
  const keys = config.keyValueHeads * config.headSize
  const layer = (index: number): ReadonlyArray<readonly [string, ReadonlyArray<number>]> => {
    const name = `model.layers.${index}`
    return [
      [`${name}.input_layernorm.weight`, [hiddenSize]],
      [`${name}.self_attn.q_proj.weight`, [queries, hiddenSize]],
      [`${name}.self_attn.k_proj.weight`, [keys, hiddenSize]],
      [`${name}.self_attn.v_proj.weight`, [keys, hiddenSize]],
      [`${name}.self_attn.o_proj.weight`, [hiddenSize, queries]],
      [`${name}.post_attention_layernorm.weight`, [hiddenSize]],
      [`${name}.mlp.gate_proj.weight`, [intermediateSize, hiddenSize]],
      [`${name}.mlp.up_proj.weight`, [intermediateSize, hiddenSize]],
      [`${name}.mlp.down_proj.weight`, [hiddenSize, intermediateSize]]
    ]
  }
  return new Map([
    ["model.embed_tokens.weight", [vocabularySize, hiddenSize]],
    ...Array.from({ length: config.layers }, (_, index) => layer(index)).flat(),
    ["model.norm.weight", [hiddenSize]],
    ...(config.tiedEmbeddings ? [] : [["lm_head.weight", [vocabularySize, hiddenSize]] as const])
  ])
}

/** Number of trainable numbers in the checkpoint. */
export const parameterCount = (config: LlamaConfig): number =>
  [...llamaTensors(config).values()].reduce((sum, shape) => sum + shape.reduce((n, size) => n * size, 1), 0)
