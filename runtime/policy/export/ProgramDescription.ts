/** What the JSON file beside exported programs says: what they take and give, and where their randomness comes from. */
import type { Port, Program } from "../../onnx/Model.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"

/** Inputs by name; those of each layer by the name before the dot. */
const inputDocs: Readonly<Record<string, { readonly doc: string; readonly start?: unknown }>> = {
  promptTokens: {
    doc: "All tokens of each prompt but its last, padded on the right with pad_token_id; at least one column."
  },
  promptLengths: { doc: "Tokens of each prompt, the last one included." },
  token: { doc: "The last token of each candidate; at first the last one of its prompt." },
  ended: { doc: "Which candidates have ended; at first none.", start: false },
  step: { doc: "Tokens generated before; 0, or where a former run ended, a multiple of 16.", start: 0 },
  uniforms: { doc: "Noise in [0, 1), a number for each token; their count is how many tokens are made at most." },
  temperature: { doc: "Divides the logits; above 0." },
  topP: { doc: "Draws among the likeliest tokens that together reach this probability, above 0 and at most 1." },
  promptKeys: { doc: "Keys of the prompts, to continue a run; empty (promptKept = 0) at first.", start: "empty" },
  promptValues: { doc: "Values of the prompts, to continue a run; empty (promptKept = 0) at first.", start: "empty" },
  keys: { doc: "Keys of the generated tokens, to continue a run; empty (generated = 0) at first.", start: "empty" },
  values: { doc: "Values of the generated tokens, to continue a run; empty (generated = 0) at first.", start: "empty" }
}

const outputDocs: Readonly<Record<string, string>> = {
  tokens: "Token ids. What follows a candidate's first token of eos_token_ids is to be ignored.",
  logProbs: "log pi of each token in nats, under the raw logits: temperature 1, nothing cut.",
  entropies: "Entropy of each token's distribution in nats, over the raw logits.",
  next: "For a run that continues: the input of this name."
}

/** How gemflow makes `uniforms`, so that a candidate depends on its seed, its prompt's id and its index alone. */
const noise = {
  generator: "Threefry-2x32, 20 rounds (Salmon et al. 2011)",
  key:
    "The first 8 bytes of SHA-256 of the UTF-8 text [\"gemflow/noise\",SEED,PROMPT_ID,CANDIDATE] (JSON without spaces), "
    + "read as two unsigned 32-bit integers, little-endian.",
  counter: "[STEP, 0]",
  uniform: "(first output word >> 9) * 2^-23"
}

/** How a program chooses tokens. */
const kinds = {
  sample: "Draws from softmax(logits / temperature): the first token, in the order of their ids, whose cumulative "
    + "probability exceeds its uniform. It does not read topP.",
  nucleus:
    "Draws among the likeliest tokens of softmax(logits / temperature) that together reach topP: the first, likeliest "
    + "first, whose cumulative probability exceeds its uniform times that of all of them.",
  greedy:
    "Takes the likeliest token. It reads neither temperature, topP nor uniforms; these say how many steps to make."
} as const

export type Kind = keyof typeof kinds

export const kindNames: ReadonlyArray<Kind> = ["sample", "nucleus", "greedy"]

export interface DescribedProgram extends Pick<Program, "inputs" | "outputs"> {
  readonly kind: Kind
  readonly file: string
}

export interface Description {
  readonly config: ModelConfig
  readonly programs: ReadonlyArray<DescribedProgram>
  readonly data: string
  readonly eosIds: ReadonlyArray<number>
  readonly padId: number
  readonly bosId: number | undefined
}

export const describePrograms = ({ bosId, config, data, eosIds, padId, programs }: Description) => ({
  format: "gemflow/onnx-generation/1",
  about:
    "Generation as one ONNX program: prefill, decoding and sampling in one run. It needs onnxruntime's own operators "
    + "(domain com.microsoft), which every onnxruntime has.",
  architecture: config.architecture,
  vocabulary_size: config.vocabularySize,
  context_length: config.contextLength,
  bos_token_id: bosId ?? null,
  eos_token_ids: eosIds,
  pad_token_id: padId,
  data,
  programs: Object.fromEntries(
    programs.map(({ file, inputs, kind, outputs }) => [kind, {
      file,
      doc: kinds[kind],
      inputs: inputs.map((port) => ({ ...described(port), ...inputDocs[rootOf(port.name)] })),
      outputs: outputs.map((port) => ({ ...described(port), doc: outputDocs[rootOf(port.name)] }))
    }])
  ),
  noise
})

const described = ({ dtype, name, shape }: Port) => ({ name, type: dtype, shape })

/** What stands before the layer in a name: `keys.3`. */
const rootOf = (name: string): string => name.replace(/\..*$/, "")
