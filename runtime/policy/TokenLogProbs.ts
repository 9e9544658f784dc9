/** From hidden states to what is kept of next-token distributions: log-probs of given tokens, and entropies. */
import type { Tensor } from "../onnx/Graph.ts"
import { exp, mul, neg } from "../onnx/ops/Arithmetic.ts"
import { gather, gatherElements } from "../onnx/ops/Index.ts"
import { squeeze, unsqueeze } from "../onnx/ops/Layout.ts"
import { cast } from "../onnx/ops/Logic.ts"
import { reduceSum } from "../onnx/ops/Reduce.ts"
import { logSoftmax } from "../onnx/ops/Softmax.ts"
import { logitsOf, type Weights } from "./Llama.ts"
import type { LlamaConfig } from "./LlamaConfig.ts"

/**
 * log softmax of the logits at chosen positions: [predictions, vocabularySize]. Positions index the hidden states
 * [batch * length, hiddenSize]; no logits exist for any other position.
 */
export const predictionLogProbs = (config: LlamaConfig, weights: Weights, hidden: Tensor, positions: Tensor): Tensor =>
  logSoftmax(logitsOf(config, weights, gather(hidden, cast(positions, "int64"))))

/** Log-probs [..., vocabularySize] at the target tokens [...]. The one place where batch x length x vocabulary would be chunked. */
export const picked = (logProbs: Tensor, targets: Tensor): Tensor =>
  squeeze(gatherElements(logProbs, unsqueeze(cast(targets, "int64"), [-1]), -1), [-1])

/** Entropy in nats of distributions given as log-probs over their last axis: -sum p log p. */
export const entropyOf = (logProbs: Tensor): Tensor => neg(reduceSum(mul(exp(logProbs), logProbs), { axes: [-1] }))
