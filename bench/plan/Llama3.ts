/** Llama-3-8B by its config.json, and what follows from it: parameters, bytes and floating-point operations per token. */
import type { ModelConfig } from "../../runtime/policy/model/ModelConfig.ts"
import { modelTensors } from "../../runtime/policy/model/ModelTensors.ts"
import { quantisationOf } from "../../runtime/policy/quantised/QuantisedCheckpoint.ts"
import { quantisedShapes } from "../../runtime/policy/quantised/QuantiseWeights.ts"

export const llama3: ModelConfig = {
  architecture: "LlamaForCausalLM",
  vocabularySize: 128_256,
  hiddenSize: 4096,
  intermediateSize: 14_336,
  layers: 32,
  heads: 32,
  keyValueHeads: 8,
  headSize: 128,
  contextLength: 8192,
  normEpsilon: 1e-5,
  ropeTheta: 500_000,
  tiedEmbeddings: false,
  initializerRange: 0.02
}

const product = (dims: ReadonlyArray<number>): number => dims.reduce((count, dim) => count * dim, 1)
const tensors = [...modelTensors(llama3)]
const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)
const linear = tensors.filter(([name]) => name.endsWith("_proj.weight"))

/** Numbers of weights. */
export const parameters = {
  all: sum(tensors.map(([, dims]) => product(dims))),
  /** The seven linear layers of every block. */
  linear: sum(linear.map(([, dims]) => product(dims))),
  embedding: llama3.vocabularySize * llama3.hiddenSize,
  head: llama3.vocabularySize * llama3.hiddenSize
}

/** Weights a token is multiplied with: those of the blocks, and the head where logits are wanted. */
export const multiplied = parameters.linear + parameters.head

const quantisation = quantisationOf("int4", "bfloat16")

/** Bytes of the linear layers in 4 bits: numbers, 16-bit scales and zero points of their blocks. */
export const int4Linear: number = sum(linear.map(([, [rows = 0, columns = 0]]) => {
  const { packed, scales, zeroPoints } = quantisedShapes(quantisation, rows, columns)
  return product(packed) + 2 * product(scales) + (quantisation.symmetric ? 0 : product(zeroPoints))
}))

/** The same per weight. */
export const int4Bits: number = 8 * int4Linear / parameters.linear

/** Bytes of the weights when the linear layers are in 4 bits and the rest in 16. */
export const int4Bytes: number = int4Linear + 2 * (parameters.all - parameters.linear)

/** Numbers in an adapter of this rank on all linear layers: rank (inputs + outputs) for each. */
export const adapterParameters = (rank: number): number =>
  sum(linear.map(([, [outputs = 0, inputs = 0]]) => rank * (outputs + inputs)))

/** Bytes of a token's keys and values in all layers, in 16 bits. */
export const cachePerToken = 2 * 2 * llama3.layers * llama3.keyValueHeads * llama3.headSize

/** Floating-point operations: two per weight and token, and four per head entry and position that attention sees. */
export const forwardFlops = (tokens: number, positions: number, weights = multiplied): number =>
  tokens * (2 * weights + 4 * llama3.layers * llama3.heads * llama3.headSize * positions)

/** Bytes that one layer keeps per token for the backward pass, attention over `positions` (16 bits, attention also in 32). */
export const layerBytesPerToken = (positions: number): number => {
  const { headSize, heads, hiddenSize, intermediateSize, keyValueHeads } = llama3
  const projected = (heads + 2 * keyValueHeads) * headSize
  const rotated = (heads + keyValueHeads) * headSize
  // Residual and norm twice, projections as they come and rotated, context; gate and up, silu of the gate, their product.
  const wide = 4 * hiddenSize + projected + rotated + heads * headSize + 4 * intermediateSize
  return 2 * wide + heads * positions * (4 + 4 + 2)
}
