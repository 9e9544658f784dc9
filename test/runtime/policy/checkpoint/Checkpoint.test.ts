import { describe, expect, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Safetensors from "../../../../artifacts/Safetensors.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { createCheckpoint } from "../../../../runtime/policy/checkpoint/CreateCheckpoint.ts"
import type { ModelConfig } from "../../../../runtime/policy/model/ModelConfig.ts"
import { modelTensors } from "../../../../runtime/policy/model/ModelTensors.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import { openTokenizer } from "../../../../runtime/policy/tokenizer/PolicyTokenizer.ts"
import { checkpointPath, names } from "../reference.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-checkpoint-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A copy of a checkpoint to damage. */
const copyOf = (name: string) =>
  temporary.pipe(Effect.tap((path) => Effect.sync(() => cpSync(checkpointPath(name), path, { recursive: true }))))

const withConfig = (change: Readonly<Record<string, unknown>>) =>
  copyOf("untied-gqa").pipe(Effect.tap((path) =>
    Effect.sync(() => {
      const config: object = JSON.parse(readFileSync(join(path, "config.json"), "utf8"))
      writeFileSync(join(path, "config.json"), JSON.stringify({ ...config, ...change }))
    })
  ))

/** Rewrites the weights file of a copy. */
const withTensors = Effect.fnUntraced(
  function*(change: (tensors: Map<string, Safetensors.TensorToWrite>) => void) {
    const directory = yield* copyOf("untied-gqa")
    const path = join(directory, "model.safetensors")
    const header = yield* Safetensors.readHeader(path)
    const tensors = new Map<string, Safetensors.TensorToWrite>()
    for (const [name, { dtype, shape }] of header.tensors) {
      tensors.set(name, { dtype, shape, data: yield* Safetensors.readTensor(header, name) })
    }
    change(tensors)
    yield* Safetensors.write(path, tensors)
    return directory
  }
)

const problemOf = (directory: string) => Effect.map(Effect.flip(openCheckpoint(directory)), (error) => error.message)

describe("openCheckpoint", () => {
  it.effect("reads the config in the spelling of transformers 4 and of transformers 5", () =>
    Effect.gen(function*() {
      const [five, four] = yield* Effect.all(names.map((name) => openCheckpoint(checkpointPath(name))))
      const shared = {
        architecture: "LlamaForCausalLM",
        vocabularySize: 280,
        hiddenSize: 32,
        intermediateSize: 48,
        layers: 2,
        contextLength: 64,
        normEpsilon: 1e-6,
        initializerRange: 0.25
      }
      expect(five?.config).toEqual({
        ...shared,
        heads: 4,
        keyValueHeads: 2,
        headSize: 8,
        ropeTheta: 10000,
        tiedEmbeddings: false
      })
      expect(four?.config).toEqual({
        ...shared,
        heads: 2,
        keyValueHeads: 2,
        headSize: 16,
        ropeTheta: 500000,
        tiedEmbeddings: true
      })
    }))

  it.effect("reads bfloat16 and float16 weights as float32", () =>
    Effect.gen(function*() {
      const half = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff)
      const directory = yield* withTensors((tensors) => {
        const data = new Uint16Array(32)
        data.set(half)
        tensors.set("model.norm.weight", { dtype: "F16", shape: [32], data })
        data.subarray(4).fill(0x3c00)
      })
      const weights = yield* (yield* openCheckpoint(directory)).load
      const values = toNumbers(
        weights.get("model.norm.weight") ?? { dtype: "float32", dims: [0], data: new Float32Array(0) }
      )
      expect(values.slice(0, 5)).toEqual([1, -2, 2 ** -24, 65504, 1])
      const bf16 = yield* (yield* openCheckpoint(checkpointPath("tied-bf16"))).load
      const raw = yield* Safetensors.readHeader(join(checkpointPath("tied-bf16"), "model.safetensors"))
      const bits = new Uint16Array((yield* Safetensors.readTensor(raw, "model.norm.weight")).buffer)
      const floats = new Float32Array(Uint32Array.from(bits, (value) => value << 16).buffer)
      expect(bf16.get("model.norm.weight")?.data).toEqual(floats)
    }))

  const configs: ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>, RegExp]> = [
    [
      "another architecture",
      { model_type: "gpt2" },
      /config\.json, model_type: is "gpt2"\. gemflow runs LlamaForCausalLM, .*Mistral/
    ],
    ["no architecture", { model_type: undefined }, /config\.json, model_type: is missing/],
    [
      "a Llama of another head",
      { architectures: ["LlamaForTokenClassification"] },
      /architectures: is LlamaForTokenCl/
    ],
    [
      "rotary scaling that lacks a field",
      { rope_parameters: { rope_type: "llama3", factor: 8, rope_theta: 5e5 } },
      /rope_parameters\.low_freq_factor: is missing, and the type llama3 needs it/
    ],
    [
      "unknown rotary scaling",
      { rope_scaling: { type: "yarn", factor: 2 } },
      /rope_scaling\.type: is yarn\. The types default, linear and llama3/
    ],
    ["biases that the weights lack", { attention_bias: true }, /self_attn\.q_proj\.bias: is missing/],
    [
      "longer contexts of another kind, in the newer spelling",
      { rope_parameters: { rope_type: "longrope", rope_theta: 1e4 } },
      /rope_parameters\.rope_type: is longrope/
    ],
    [
      "positions by kind of layer",
      { rope_parameters: { full_attention: { rope_type: "default" }, sliding_attention: { rope_type: "default" } } },
      /rope_parameters\.full_attention: gives positions to a kind of layer/
    ],
    [
      "heads that rotate in part, in the newer spelling",
      { rope_parameters: { rope_type: "default", partial_rotary_factor: 0.5 } },
      /rope_parameters\.partial_rotary_factor: is 0\.5\. Only heads that rotate as a whole/
    ],
    [
      "heads that rotate in part",
      { partial_rotary_factor: 0.25 },
      /config\.json, partial_rotary_factor: is 0\.25\. Only heads/
    ],
    [
      "quantised weights",
      { quantization_config: { quant_method: "fp8" } },
      /quantization_config: says that the weights are quantised\. Use the checkpoint that they were quantised from/
    ],
    [
      "layers of another kind",
      { layer_types: ["full_attention", "linear_attention"] },
      /layer_types: has a layer of linear_attention/
    ],
    [
      "kinds of other layers",
      { layer_types: ["full_attention"] },
      /layer_types: names 1 layers, and num_hidden_layers is 2/
    ],
    ["positions in three axes", { use_mrope: true }, /use_mrope: asks for positions in three axes/],
    ["a mixture of experts", { model_type: "qwen3_moe" }, /model_type: is "qwen3_moe"\. gemflow runs/],
    ["a model of images", { model_type: "mistral3", text_config: {} }, /model_type: is "mistral3"/],
    ["another activation", { hidden_act: "gelu" }, /hidden_act: is gelu/],
    ["heads that do not divide", { num_key_value_heads: 3 }, /num_key_value_heads: is 3, which does not divide/],
    ["odd heads", { head_dim: 7 }, /head_dim: gives heads of size 7/],
    ["a field of another type", { hidden_size: "32" }, /config\.json: does not decode: .*hidden_size/],
    ["a field that is missing", { rms_norm_eps: undefined }, /config\.json: does not decode: .*rms_norm_eps/],
    [
      "a config of other weights",
      { intermediate_size: 64 },
      /model\.safetensors, model\.layers\.0\.mlp\.gate_proj\.weight: has shape \[48,32\], and config\.json asks for \[64,32\]/
    ],
    [
      "fewer layers than weights",
      { num_hidden_layers: 1 },
      /model\.layers\.1\.\S+: is a tensor that the architecture of config\.json/
    ]
  ]
  for (const [what, change, message] of configs) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function*() {
        expect(yield* problemOf(yield* withConfig(change))).toMatch(message)
      }))
  }

  it.effect("refuses weights that are missing, cut short, of another type, or incomplete", () =>
    Effect.gen(function*() {
      const missing = yield* copyOf("untied-gqa")
      rmSync(join(missing, "model.safetensors"))
      expect(yield* problemOf(missing)).toMatch(
        /model\.safetensors: does not exist, nor does model\.safetensors\.index\.json\. A checkpoint holds its weights in/
      )

      const short = yield* copyOf("untied-gqa")
      truncateSync(join(short, "model.safetensors"), 100_000)
      expect(yield* problemOf(short)).toMatch(/model\.safetensors, tensor .*cut short/)

      const other = yield* withTensors((tensors) => {
        tensors.set("model.norm.weight", { dtype: "F64", shape: [32], data: new Float64Array(32) })
      })
      expect(yield* problemOf(other)).toMatch(/model\.norm\.weight: is of type F64\. Weights may be F32, F16, BF16/)

      const incomplete = yield* withTensors((tensors) => tensors.delete("lm_head.weight"))
      expect(yield* problemOf(incomplete)).toMatch(/lm_head\.weight: is missing/)
    }))

  it.effect("refuses a directory without config.json, and a config.json that is not JSON", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      expect(yield* problemOf(directory)).toMatch(
        /config\.json: does not exist\. A checkpoint is a HuggingFace directory/
      )
      writeFileSync(join(directory, "config.json"), "{ \"model_type\": ")
      expect(yield* problemOf(directory)).toMatch(/config\.json: is not JSON/)
    }))

  it.effect("takes files with a byte order mark, and saves a config.json without", () =>
    Effect.gen(function*() {
      const directory = yield* copyOf("untied-gqa")
      const texts = ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"].map((file) => {
        const text = readFileSync(join(directory, file), "utf8")
        writeFileSync(join(directory, file), `\uFEFF${text}`)
        return text
      })
      const checkpoint = yield* openCheckpoint(directory)
      expect(checkpoint.configText).toBe(texts[0])
      expect((yield* openTokenizer(directory, 280)).eosIds).toEqual(
        (yield* openTokenizer(checkpointPath("untied-gqa"), 280)).eosIds
      )
    }))

  it.effect("does not look at values: weights that are no numbers open", () =>
    Effect.gen(function*() {
      const data = new Float32Array(32).fill(Number.NaN)
      const directory = yield* withTensors((tensors) => {
        tensors.set("model.norm.weight", { dtype: "F32", shape: [32], data })
      })
      expect((yield* (yield* openCheckpoint(directory)).read("model.norm.weight")).data).toEqual(data)
    }))

  it.effect("takes the head that some writers store beside tied embeddings", () =>
    Effect.gen(function*() {
      const directory = yield* copyOf("untied-gqa")
      const config: object = JSON.parse(readFileSync(join(directory, "config.json"), "utf8"))
      writeFileSync(join(directory, "config.json"), JSON.stringify({ ...config, tie_word_embeddings: true }))
      const weights = yield* (yield* openCheckpoint(directory)).load
      expect(weights.has("lm_head.weight")).toBe(false)
    }))
})

const small: ModelConfig = {
  architecture: "LlamaForCausalLM",
  vocabularySize: 290,
  hiddenSize: 16,
  intermediateSize: 24,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
  headSize: 8,
  contextLength: 32,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedEmbeddings: true,
  initializerRange: 0.02
}

layer(Sessions.layer)("createCheckpoint", (it) => {
  it.effect("writes a policy that opens and generates, the same for the same seed", () =>
    Effect.gen(function*() {
      const parent = yield* temporary
      const make = (directory: string, seed: number) =>
        createCheckpoint({
          directory: join(parent, directory),
          config: small,
          tokenizer: checkpointPath("untied-gqa"),
          seed
        })
      yield* make("a", 5)
      yield* make("b", 5)
      yield* make("c", 6)
      const bytes = (directory: string) => readFileSync(join(parent, directory, "model.safetensors"))
      expect(bytes("a").equals(bytes("b"))).toBe(true)
      expect(bytes("a").equals(bytes("c"))).toBe(false)
      expect(readdirSync(parent).toSorted()).toEqual(["a", "b", "c"])

      const policy = yield* openPolicy(join(parent, "a"), "cpu")
      expect(policy.config).toEqual(small)
      const [generation] = yield* policy.generate({
        prompts: [{ id: "p", tokens: Int32Array.of(0, 7) }],
        candidates: 1,
        temperature: 1,
        topP: 1,
        maxNewTokens: 3,
        seed: 1
      })
      // Small random weights predict almost evenly.
      expect(generation?.entropies[0]).toBeCloseTo(Math.log(290), 1)
    }))

  it.effect("weights are normal with the config's deviation, norms are ones", () =>
    Effect.gen(function*() {
      const directory = join(yield* temporary, "a")
      yield* createCheckpoint({ directory, config: small, tokenizer: checkpointPath("untied-gqa"), seed: 1 })
      const weights = yield* (yield* openCheckpoint(directory)).load
      expect([...weights.keys()].toSorted()).toEqual([...modelTensors(small).keys()].toSorted())
      const embedding = Array.from(weights.get("model.embed_tokens.weight")?.data ?? [], Number)
      const mean = embedding.reduce((a, b) => a + b, 0) / embedding.length
      const deviation = Math.sqrt(embedding.reduce((sum, value) => sum + (value - mean) ** 2, 0) / embedding.length)
      const beyond = embedding.filter((value) => Math.abs(value) > 1.96 * 0.02).length / embedding.length
      expect(Math.abs(mean)).toBeLessThan(3 * 0.02 / Math.sqrt(embedding.length))
      expect(deviation).toBeCloseTo(0.02, 3)
      expect(beyond).toBeCloseTo(0.05, 1)
      expect(new Set(Array.from(weights.get("model.norm.weight")?.data ?? [], Number))).toEqual(new Set([1]))
    }))

  it.effect("a tokenizer larger than the vocabulary is refused before anything is written", () =>
    Effect.gen(function*() {
      const directory = join(yield* temporary, "a")
      const tokenizer = checkpointPath("untied-gqa")
      const error = yield* Effect.flip(
        createCheckpoint({ directory, config: { ...small, vocabularySize: 100 }, tokenizer, seed: 1 })
      )
      expect(error.message).toContain("but the weights embed only 100 tokens")
      expect(existsSync(directory)).toBe(false)
    }))
})
