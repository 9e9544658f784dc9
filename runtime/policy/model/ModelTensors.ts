import { SCORE_HEAD } from "./Heads.ts"
import { layerName, linearLayers, type ModelConfig, moduleName } from "./ModelConfig.ts"

/** The weights of a checkpoint by their HuggingFace names, with their shapes (matrices are [outputs, inputs]). */
export const modelTensors = (config: ModelConfig): ReadonlyMap<string, ReadonlyArray<number>> => {
  const { headSize, hiddenSize, intermediateSize, vocabularySize } = config
  const queries = config.heads * headSize
  const keys = config.keyValueHeads * headSize
  const matrices = {
    q_proj: [queries, hiddenSize],
    k_proj: [keys, hiddenSize],
    v_proj: [keys, hiddenSize],
    o_proj: [hiddenSize, queries],
    gate_proj: [intermediateSize, hiddenSize],
    up_proj: [intermediateSize, hiddenSize],
    down_proj: [hiddenSize, intermediateSize]
  } as const
  const layer = (index: number): ReadonlyArray<readonly [string, ReadonlyArray<number>]> => {
    const name = layerName(index)
    const norms = ["input_layernorm", "post_attention_layernorm"].map((norm) =>
      [`${name}.${norm}.weight`, [hiddenSize]] as const
    )
    const headNorms = (config.queryKeyNorm === true ? ["q_norm", "k_norm"] : []).map((norm) =>
      [`${name}.self_attn.${norm}.weight`, [headSize]] as const
    )
    const linear = linearLayers.flatMap((linear) => [
      [`${moduleName(index, linear)}.weight`, matrices[linear]] as const,
      ...(config.biases?.includes(linear) === true
        ? [[`${moduleName(index, linear)}.bias`, matrices[linear].slice(0, 1)] as const]
        : [])
    ])
    return [...norms, ...linear, ...headNorms]
  }
  return new Map([
    ["model.embed_tokens.weight", [vocabularySize, hiddenSize]],
    ...Array.from({ length: config.layers }, (_, index) => layer(index)).flat(),
    ["model.norm.weight", [hiddenSize]],
    ...headTensors(config)
  ])
}

const headTensors = (
  { hiddenSize, scoreHead, tiedEmbeddings, vocabularySize }: ModelConfig
): ReadonlyArray<readonly [string, ReadonlyArray<number>]> => {
  if (scoreHead === true) return [[SCORE_HEAD, [1, hiddenSize]]]
  return tiedEmbeddings ? [] : [["lm_head.weight", [vocabularySize, hiddenSize]]]
}

/** Number of trainable numbers in the checkpoint. */
export const parameterCount = (config: ModelConfig): number =>
  [...modelTensors(config).values()].reduce((sum, shape) => sum + shape.reduce((n, size) => n * size, 1), 0)

/** Whether the architecture adds a bias in this module ("model.layers.0.self_attn.q_proj"). */
export const hasBias = ({ biases = [] }: ModelConfig, module: string): boolean =>
  biases.some((linear) => module.endsWith(`.${linear}`))
