/** The tables of docs/llama-3-8b-on-a100.md. */
import { defaultBudget, headChunks } from "../../runtime/policy/head/HeadChunks.ts"
import {
  adapterParameters,
  cachePerToken,
  forwardFlops,
  int4Bits,
  int4Bytes,
  int4Linear,
  layerBytesPerToken,
  llama3,
  multiplied,
  parameters
} from "./Llama3.ts"
import { devices, gpus, pcie, peak } from "./Machine.ts"

/** The work that is planned: GEM's, on one of the eight GPUs. */
export const work = {
  prompts: 32,
  candidates: 5,
  promptTokens: 512,
  newTokens: 256,
  rank: 16,
  /** Tokens of a micro-batch, and the length of its sequences. */
  microBatch: 4096,
  length: 768
} as const

export interface Table {
  readonly name: string
  readonly head: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
}

const gb = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 1)} GB`
const seconds = (time: number): string => time < 1 ? `${(time * 1e3).toFixed(1)} ms` : `${time.toFixed(2)} s`
const count = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 0 })
const tera = (flops: number): string => `${(flops / 1e12).toFixed(flops < 1e13 ? 2 : 0)} TFLOP`

const rows = work.prompts * work.candidates
const promptCache = work.prompts * work.promptTokens * cachePerToken
const responseCache = rows * work.newTokens * cachePerToken
const adapter = adapterParameters(work.rank)
const bf16 = 2 * parameters.all
const kept = llama3.layers * work.microBatch * layerBytesPerToken(work.length)
const recomputed = work.microBatch * (llama3.layers * 2 * llama3.hiddenSize + layerBytesPerToken(work.length))
const chunk = headChunks({ vocabulary: llama3.vocabularySize, predictions: work.microBatch })

const parts: Table = {
  name: "memory by part",
  head: ["part", "how", "bytes"],
  rows: [
    ["weights, bfloat16", `2 x ${count(parameters.all)}`, gb(bf16)],
    [
      "weights, linear layers int4",
      `${int4Bits} bits x ${count(parameters.linear)}, 16 bits x the rest`,
      gb(int4Bytes)
    ],
    [`adapter of rank ${work.rank}: weights, moments, gradient sums`, `16 x ${count(adapter)}`, gb(16 * adapter)],
    [
      "all weights trained: float32 weights, moments, gradient sums",
      `16 x ${count(parameters.all)}`,
      gb(16 * parameters.all)
    ],
    ["keys and values of a token", "2 x 2 x 32 layers x 8 heads x 128", `${count(cachePerToken)} B`],
    [
      "keys and values of the prompts",
      `${work.prompts} x ${work.promptTokens} tokens, shared by candidates`,
      gb(promptCache)
    ],
    ["keys and values of the responses", `${rows} x ${work.newTokens} tokens`, gb(responseCache)],
    ["the same while chunks are joined", "old and new at once", gb(2 * responseCache)],
    [
      "activations of a micro-batch, kept",
      `32 layers x ${count(work.microBatch)} tokens x ${count(layerBytesPerToken(work.length))} B`,
      gb(kept)
    ],
    ["activations, layers recomputed", "32 hidden states, and one layer's", gb(recomputed)],
    [
      "logits of the micro-batch, whole",
      `4 x ${count(work.microBatch)} x ${count(llama3.vocabularySize)}`,
      gb(4 * work.microBatch * llama3.vocabularySize)
    ],
    ["the head's temporaries, chunked", `pieces of ${count(chunk.tokens)} x ${count(chunk.words)}`, gb(defaultBudget)]
  ]
}

const uses: ReadonlyArray<{ readonly name: string; readonly bytes: number }> = [
  { name: "sampling, bfloat16", bytes: bf16 + promptCache + 2 * responseCache },
  { name: "sampling, int4", bytes: int4Bytes + promptCache + 2 * responseCache },
  { name: "adapter on bfloat16, kept", bytes: bf16 + 16 * adapter + kept + defaultBudget },
  { name: "adapter on bfloat16, recomputed", bytes: bf16 + 16 * adapter + recomputed + defaultBudget },
  {
    name: "sampling and adapter on bfloat16, recomputed, open together",
    bytes: 2 * bf16 + promptCache + 2 * responseCache + 16 * adapter + recomputed + defaultBudget
  },
  { name: "adapter on int4, recomputed", bytes: int4Bytes + 16 * adapter + recomputed + defaultBudget },
  { name: "all weights, recomputed", bytes: bf16 + 16 * parameters.all + recomputed + defaultBudget },
  {
    name: `all weights, each GPU an eighth of the state`,
    bytes: bf16 + 16 * parameters.all / devices + recomputed + defaultBudget
  }
]

const fits: Table = {
  name: "what fits",
  head: ["on one GPU", "bytes", ...gpus.map(({ name }) => name)],
  rows: uses.map(({ bytes, name }) => [
    name,
    gb(bytes),
    ...gpus.map(({ memory }) => bytes < 0.92 * memory ? "fits" : "does not fit")
  ])
}

/** The longer of moving the bytes and computing, and which of them it is. */
const roofline = (bytes: number, flops: number, bandwidth: number, rate: number): string => {
  const [moving, computing] = [bytes / bandwidth, flops / rate]
  return `${seconds(Math.max(moving, computing))} (${moving > computing ? "memory" : "compute"})`
}

// Half of the response is there on average.
const seen = work.promptTokens + work.newTokens / 2
const decodeBytes = 2 * multiplied + promptCache + responseCache / 2
const decodeFlops = forwardFlops(rows, seen)
const prefillTokens = work.prompts * work.promptTokens
const scored = rows * work.length
const passes: ReadonlyArray<readonly [string, string, number, number]> = [
  ["decode, one token of each row", `${rows} rows`, decodeBytes, decodeFlops],
  [
    "decode, int4 weights",
    `${rows} rows`,
    decodeBytes - 2 * parameters.linear + int4Linear,
    decodeFlops
  ],
  ["decode, one row alone", "1 row", 2 * multiplied + seen * cachePerToken, forwardFlops(1, seen)],
  [
    "prefill",
    `${count(prefillTokens)} tokens`,
    2 * parameters.linear + promptCache,
    forwardFlops(prefillTokens, work.promptTokens / 2, parameters.linear)
  ],
  ["score", `${count(scored)} tokens`, 2 * multiplied, forwardFlops(scored, work.length / 2)],
  [
    "adapter step, recomputed: forward twice, backward of activations",
    `${count(scored)} tokens`,
    2 * 3 * multiplied * scored / work.microBatch,
    3 * forwardFlops(scored, work.length / 2)
  ],
  [
    "full step, recomputed: forward twice, backward of both",
    `${count(scored)} tokens`,
    2 * 4 * multiplied * scored / work.microBatch + 28 * parameters.all,
    4 * forwardFlops(scored, work.length / 2)
  ]
]

const times: Table = {
  name: "times against the roofline",
  head: ["pass", "of", "bytes", "operations", ...gpus.map(({ name }) => name)],
  rows: passes.map(([name, of, bytes, flops]) => [
    name,
    of,
    gb(bytes),
    tera(flops),
    ...gpus.map(({ bandwidth }) => roofline(bytes, flops, bandwidth, peak.bfloat16))
  ])
}

/** CPU seconds per byte that onnxruntime-node copies of an output it hands back (runtime/onnx/README.md: 1.1 ms per MB). */
const copying = 1.1e-3 / 1e6

const crossings: ReadonlyArray<readonly [string, string, number]> = [
  ["adapter's gradient sums", "once per micro-batch, in and out", 2 * 4 * adapter],
  ["adapter's weights and moments", "once per step or run of steps, in and out", 2 * 12 * adapter],
  ["adapter's gradient sums, averaged over devices", "once per step, in and out", 2 * 4 * adapter],
  ["all weights and moments", "once per step or run of steps, in and out", 2 * 12 * parameters.all],
  ["tokens, log-probs, entropies", "once per generation", rows * work.newTokens * (8 + 4 + 4)],
  ["the bool that goes on", "once per token", 1]
]

const host: Table = {
  name: "what crosses to the host",
  head: ["values", "when", "bytes", "PCIe", "copying in onnxruntime-node"],
  rows: crossings.map(([name, when, bytes]) => [
    name,
    when,
    bytes < 1e6 ? `${count(bytes)} B` : gb(bytes),
    bytes < 1e6 ? "microseconds" : seconds(bytes / pcie),
    bytes < 1e6 ? "microseconds" : seconds(bytes / 2 * copying)
  ])
}

export const tables: ReadonlyArray<Table> = [parts, fits, times, host]

/** A table as the page has it. */
export const markdown = ({ head, rows }: Table): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
