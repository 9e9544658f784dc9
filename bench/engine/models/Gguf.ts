/** A float32 GGUF file (version 3) of a Llama checkpoint, as llama.cpp's converter writes it, as far as generation goes. */
import * as Effect from "effect/Effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { readHeader, readTensor } from "../../../artifacts/Safetensors.ts"
import type { ModelConfig } from "../../../runtime/policy/model/ModelConfig.ts"

const alignment = 32

type Value = { readonly uint32: number } | { readonly float32: number } | { readonly text: string } | {
  readonly list: "int32" | "float32" | "text"
  readonly of: ReadonlyArray<number | string>
}

const uint32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer)
const uint64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer)
const float32 = (value: number) => Buffer.from(Float32Array.of(value).buffer)
const text = (value: string) => Buffer.concat([uint64(Buffer.byteLength(value)), Buffer.from(value)])

// Numbers of GGUF's value types.
const types = { uint32: 4, int32: 5, float32: 6, text: 8, list: 9 } as const

const encode = (value: Value): Buffer => {
  if ("uint32" in value) return Buffer.concat([uint32(types.uint32), uint32(value.uint32)])
  if ("float32" in value) return Buffer.concat([uint32(types.float32), float32(value.float32)])
  if ("text" in value) return Buffer.concat([uint32(types.text), text(value.text)])
  const items = value.of.map((item) =>
    typeof item === "string" ? text(item) : value.list === "float32" ? float32(item) : uint32(item)
  )
  return Buffer.concat([uint32(types.list), uint32(types[value.list]), uint64(items.length), ...items])
}

const metadata = (config: ModelConfig): Readonly<Record<string, Value>> => {
  const ids = Array.from({ length: config.vocabularySize }, (_, id) => id)
  // Texts that nobody reads: benchmarks hand over token ids. Bytes are asked for by llama.cpp's tokenizer.
  const piece = (id: number) =>
    id < 3 ? `<${id}>` : id < 259 ? `<0x${(id - 3).toString(16).toUpperCase().padStart(2, "0")}>` : `t${id}`
  const [normal, control, byte] = [1, 3, 6]
  return {
    "general.architecture": { text: "llama" },
    "general.name": { text: "benchmark" },
    "general.file_type": { uint32: 0 },
    "general.alignment": { uint32: alignment },
    "llama.vocab_size": { uint32: config.vocabularySize },
    "llama.context_length": { uint32: config.contextLength },
    "llama.embedding_length": { uint32: config.hiddenSize },
    "llama.feed_forward_length": { uint32: config.intermediateSize },
    "llama.block_count": { uint32: config.layers },
    "llama.attention.head_count": { uint32: config.heads },
    "llama.attention.head_count_kv": { uint32: config.keyValueHeads },
    "llama.attention.layer_norm_rms_epsilon": { float32: config.normEpsilon },
    "llama.rope.dimension_count": { uint32: config.headSize },
    "llama.rope.freq_base": { float32: config.ropeTheta },
    "tokenizer.ggml.model": { text: "llama" },
    "tokenizer.ggml.tokens": { list: "text", of: ids.map(piece) },
    "tokenizer.ggml.scores": { list: "float32", of: ids.map((id) => -id) },
    "tokenizer.ggml.token_type": { list: "int32", of: ids.map((id) => id < 3 ? control : id < 259 ? byte : normal) },
    "tokenizer.ggml.bos_token_id": { uint32: 0 },
    "tokenizer.ggml.eos_token_id": { uint32: 1 }
  }
}

/** Names of a block's tensors in GGUF, by their HuggingFace name. */
const blockNames: Readonly<Record<string, string>> = {
  "input_layernorm": "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "post_attention_layernorm": "ffn_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down"
}

const ggufName = (name: string): string => {
  if (name === "model.embed_tokens.weight") return "token_embd.weight"
  if (name === "model.norm.weight") return "output_norm.weight"
  const [, layer, module] = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name) ?? []
  const found = blockNames[module ?? ""]
  if (found === undefined) throw new Error(`${name} has no place in a GGUF file of a Llama model`)
  return `blk.${layer}.${found}.weight`
}

/** llama.cpp rotates neighbouring entries of a head, HuggingFace an entry of each half: rows of queries and keys move. */
const interleaved = (bytes: Uint8Array, heads: number, headSize: number): Uint8Array => {
  const row = bytes.length / (heads * headSize)
  const moved = new Uint8Array(bytes.length)
  for (let head = 0; head < heads; head++) {
    for (let entry = 0; entry < headSize; entry++) {
      const from = (head * headSize + entry) * row
      const half = headSize / 2
      const to = head * headSize + (entry < half ? 2 * entry : 2 * (entry - half) + 1)
      moved.set(bytes.subarray(from, from + row), to * row)
    }
  }
  return moved
}

const padded = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([bytes, Buffer.alloc((alignment - bytes.length % alignment) % alignment)])

export const writeGguf = Effect.fnUntraced(function*(path: string, directory: string, config: ModelConfig) {
  const header = yield* readHeader(join(directory, "model.safetensors"))
  const fields = Object.entries(metadata(config))
  const descriptions: Array<Uint8Array> = []
  const data: Array<Uint8Array> = []
  let offset = 0
  for (const [name, { shape }] of header.tensors) {
    const bytes = yield* readTensor(header, name)
    const heads = name.includes("q_proj") ? config.heads : name.includes("k_proj") ? config.keyValueHeads : 0
    const stored = padded(heads === 0 ? bytes : interleaved(bytes, heads, config.headSize))
    // The fastest dimension comes first; type 0 is float32.
    const dims = shape.toReversed().map(uint64)
    descriptions.push(text(ggufName(name)), uint32(dims.length), ...dims, uint32(0), uint64(offset))
    data.push(stored)
    offset += stored.length
  }
  const head = Buffer.concat([
    Buffer.from("GGUF"),
    uint32(3),
    uint64(header.tensors.size),
    uint64(fields.length),
    ...fields.flatMap(([key, value]) => [text(key), encode(value)]),
    ...descriptions
  ])
  yield* Effect.promise(() => writeFile(path, Buffer.concat([padded(head), ...data])))
})
