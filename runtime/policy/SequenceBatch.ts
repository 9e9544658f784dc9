import type { TensorData } from "../onnx/TensorData.ts"

/** A prompt and the response whose tokens are scored or trained. */
export interface Sequence {
  readonly prompt: Int32Array
  readonly response: Int32Array
}

/** A sequence and the weight of its log-probability in the loss. */
export interface WeightedSequence extends Sequence {
  readonly weight: number
}

/** Sequences as tensors: what the forward pass reads, and which of its positions predict a response token. */
export interface SequenceBatch {
  /** int32 [sequences, length]: prompt then response without its last token, padded on the right. */
  readonly tokens: TensorData
  /** int32 [predictions]: index, in the flattened [sequences * length], of the token before each response token. */
  readonly positions: TensorData
  /** int32 [predictions]: the response token there. */
  readonly targets: TensorData
  /** float32 [predictions]: the weight of the sequence it belongs to. */
  readonly weights: TensorData
}

/** Tokens of a sequence that go through the forward pass: all but the last, which predicts nothing. */
export const inputLength = (sequence: Sequence): number => sequence.prompt.length + sequence.response.length - 1

/**
 * Only response tokens become predictions, so prompt and padding are masked by construction: no logits are computed
 * for them. Padding stands to the right, where causal attention keeps it out of sight of every real token.
 */
export const sequenceBatch = (
  sequences: ReadonlyArray<Sequence & { readonly weight?: number }>,
  padId: number
): SequenceBatch => {
  const length = sequences.reduce((most, sequence) => Math.max(most, inputLength(sequence)), 1)
  const predictions = sequences.reduce((sum, { response }) => sum + response.length, 0)
  const tokens = new Int32Array(sequences.length * length).fill(padId)
  const positions = new Int32Array(predictions)
  const targets = new Int32Array(predictions)
  const weights = new Float32Array(predictions)
  let next = 0
  sequences.forEach(({ prompt, response, weight }, row) => {
    tokens.set(prompt, row * length)
    tokens.set(response.subarray(0, -1), row * length + prompt.length)
    response.forEach((token, step) => {
      positions[next] = row * length + prompt.length - 1 + step
      targets[next] = token
      weights[next] = weight ?? 1
      next += 1
    })
  })
  return {
    tokens: { dtype: "int32", dims: [sequences.length, length], data: tokens },
    positions: { dtype: "int32", dims: [predictions], data: positions },
    targets: { dtype: "int32", dims: [predictions], data: targets },
    weights: { dtype: "float32", dims: [predictions], data: weights }
  }
}
