/** The values of published config.json files, written as their repositories have them and as transformers 5 saves them. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { decodeConfig, encodeConfig } from "../../../../runtime/policy/checkpoint/ConfigJson.ts"
import type { ModelConfig } from "../../../../runtime/policy/model/ModelConfig.ts"
import { parameterCount } from "../../../../runtime/policy/model/ModelTensors.ts"

const llama = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_act: "silu",
  initializer_range: 0.02,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
  use_cache: true
}
const llama3 = {
  ...llama,
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: 128000,
  eos_token_id: 128001,
  hidden_size: 4096,
  intermediate_size: 14336,
  max_position_embeddings: 8192,
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 8,
  rope_scaling: null,
  rope_theta: 500000,
  torch_dtype: "bfloat16",
  vocab_size: 128256
}
const scaled = (factor: number) => ({
  factor,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
  rope_type: "llama3"
})
const qwen = {
  hidden_act: "silu",
  attention_dropout: 0,
  bos_token_id: 151643,
  initializer_range: 0.02,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  torch_dtype: "bfloat16",
  use_cache: true,
  use_sliding_window: false,
  vocab_size: 151936
}
const qwen2 = { ...qwen, architectures: ["Qwen2ForCausalLM"], model_type: "qwen2", use_mrope: false }
const qwen3 = {
  ...qwen,
  architectures: ["Qwen3ForCausalLM"],
  model_type: "qwen3",
  attention_bias: false,
  head_dim: 128,
  max_position_embeddings: 40960,
  num_key_value_heads: 8,
  rope_scaling: null,
  sliding_window: null
}
const mistral = {
  architectures: ["MistralForCausalLM"],
  model_type: "mistral",
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: "silu",
  hidden_size: 4096,
  initializer_range: 0.02,
  intermediate_size: 14336,
  max_position_embeddings: 32768,
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
  use_cache: true
}

/** config.json, what differs between the models' configs, and their published number of parameters. */
const published: Readonly<Record<string, readonly [object, Partial<ModelConfig>, number]>> = {
  "Llama-2-7b": [
    {
      ...llama,
      hidden_size: 4096,
      intermediate_size: 11008,
      max_position_embeddings: 4096,
      num_attention_heads: 32,
      num_hidden_layers: 32,
      num_key_value_heads: 32,
      rope_scaling: null,
      torch_dtype: "float16",
      vocab_size: 32000
    },
    {
      keyValueHeads: 32,
      headSize: 128,
      ropeTheta: 10000,
      contextLength: 4096,
      normEpsilon: 1e-5,
      vocabularySize: 32000
    },
    6_738_415_616
  ],
  "Llama-3-8B": [llama3, { keyValueHeads: 8, headSize: 128, ropeTheta: 500000, contextLength: 8192 }, 8_030_261_248],
  "Llama-3.1-8B": [
    { ...llama3, max_position_embeddings: 131072, mlp_bias: false, rope_scaling: scaled(8) },
    {
      contextLength: 131072,
      ropeScaling: {
        type: "llama3",
        factor: 8,
        lowFrequencyFactor: 1,
        highFrequencyFactor: 4,
        originalContextLength: 8192
      }
    },
    8_030_261_248
  ],
  "Llama-3.2-1B": [
    {
      ...llama3,
      head_dim: 64,
      hidden_size: 2048,
      intermediate_size: 8192,
      max_position_embeddings: 131072,
      mlp_bias: false,
      num_hidden_layers: 16,
      rope_scaling: scaled(32),
      tie_word_embeddings: true
    },
    { headSize: 64, tiedEmbeddings: true, layers: 16 },
    1_235_814_400
  ],
  "Qwen2.5-0.5B": [
    {
      ...qwen2,
      eos_token_id: 151643,
      hidden_size: 896,
      intermediate_size: 4864,
      max_position_embeddings: 32768,
      max_window_layers: 24,
      num_attention_heads: 14,
      num_hidden_layers: 24,
      num_key_value_heads: 2,
      sliding_window: 32768,
      tie_word_embeddings: true
    },
    { biases: ["q_proj", "k_proj", "v_proj"], headSize: 64, tiedEmbeddings: true, normEpsilon: 1e-6 },
    494_032_768
  ],
  "Qwen2.5-7B": [
    {
      ...qwen2,
      eos_token_id: 151643,
      hidden_size: 3584,
      intermediate_size: 18944,
      max_position_embeddings: 131072,
      max_window_layers: 28,
      num_attention_heads: 28,
      num_hidden_layers: 28,
      num_key_value_heads: 4,
      sliding_window: 131072,
      tie_word_embeddings: false,
      vocab_size: 152064
    },
    { biases: ["q_proj", "k_proj", "v_proj"], headSize: 128, tiedEmbeddings: false, ropeTheta: 1000000 },
    7_615_616_512
  ],
  "Qwen3-0.6B": [
    {
      ...qwen3,
      eos_token_id: 151645,
      hidden_size: 1024,
      intermediate_size: 3072,
      max_window_layers: 28,
      num_attention_heads: 16,
      num_hidden_layers: 28,
      tie_word_embeddings: true
    },
    { queryKeyNorm: true, headSize: 128, contextLength: 40960, tiedEmbeddings: true },
    596_049_920
  ],
  "Qwen3-8B": [
    {
      ...qwen3,
      eos_token_id: 151645,
      hidden_size: 4096,
      intermediate_size: 12288,
      max_window_layers: 36,
      num_attention_heads: 32,
      num_hidden_layers: 36,
      tie_word_embeddings: false
    },
    { queryKeyNorm: true, layers: 36, tiedEmbeddings: false },
    8_190_735_360
  ],
  "Mistral-7B-v0.1": [
    { ...mistral, rope_theta: 10000, sliding_window: 4096, vocab_size: 32000 },
    { window: { size: 4096, layers: Array.from({ length: 32 }, (_, layer) => layer) }, ropeTheta: 10000 },
    7_241_732_096
  ],
  "Mistral-7B-v0.3": [
    { ...mistral, rope_theta: 1000000, sliding_window: null, vocab_size: 32768 },
    { ropeTheta: 1000000, vocabularySize: 32768 },
    7_248_023_552
  ]
}

/** The same, as transformers 5 writes it. */
const inFive = (config: object): object => {
  const { rope_scaling, rope_theta = 10000, torch_dtype, ...rest }: {
    rope_scaling?: object | null
    rope_theta?: number
    torch_dtype?: string
  } = config
  const parameters = { rope_type: "default", ...rope_scaling, rope_theta }
  return { head_dim: null, ...rest, dtype: torch_dtype, rope_parameters: parameters, partial_rotary_factor: null }
}

describe.each(Object.entries(published))("%s", (_, [config, expected, parameters]) => {
  it.effect("decodes, in the spelling of transformers 4 and of transformers 5", () =>
    Effect.gen(function*() {
      const four = yield* decodeConfig("config.json", config)
      expect(four).toMatchObject(expected)
      expect(four.window).toEqual(expected.window)
      expect(four.ropeScaling === undefined).toBe(!JSON.stringify(config).includes("llama3"))
      expect(parameterCount(four)).toBe(parameters)
      expect(yield* decodeConfig("config.json", inFive(config))).toEqual(four)
    }))

  it.effect("is written such that it decodes to the same", () =>
    Effect.gen(function*() {
      const decoded = yield* decodeConfig("config.json", config)
      const written = encodeConfig(decoded, { bosId: 1, eosIds: [2, 3], padId: 0 })
      expect(yield* decodeConfig("config.json", JSON.parse(JSON.stringify(written)))).toEqual(decoded)
    }))
})

it.effect("a window in some layers is written such that it decodes to the same", () =>
  Effect.gen(function*() {
    const layer_types = ["sliding_attention", "full_attention", "sliding_attention"]
    const [config] = published["Qwen3-0.6B"] ?? []
    const some = { ...config, num_hidden_layers: 3, use_sliding_window: true, sliding_window: 64, layer_types }
    const decoded = yield* decodeConfig("config.json", some)
    expect(decoded.window).toEqual({ size: 64, layers: [0, 2] })
    const written = encodeConfig(decoded, { bosId: undefined, eosIds: [2], padId: 0 })
    expect(yield* decodeConfig("config.json", written)).toEqual(decoded)
  }))
