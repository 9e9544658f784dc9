/** From hidden states to what is kept of next-token distributions: log-probs of given tokens, and entropies. */
import type { Tensor } from "../../onnx/Graph.ts"
import { cast } from "../../onnx/ops/Logic.ts"
import { linear } from "../../onnx/ops/MatMul.ts"
import { scope } from "../../onnx/Scope.ts"
import { finalNorm, headWeight } from "../model/Decoder.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import type { Weights } from "../model/Weights.ts"
import { type Distributions, distributions } from "./ChunkedLogProbs.ts"

/** Next-token logits [tokens, vocabularySize], float32, of hidden states [tokens, hiddenSize]. */
export const logitsOf = (config: ModelConfig, weights: Weights, hidden: Tensor): Tensor =>
  scope("head", () => cast(linear(finalNorm(config, weights, hidden), headWeight(config, weights)), "float32"))

/**
 * Log-probs of target tokens, and entropies of their distributions, at hidden states [predictions, hiddenSize]. No logits
 * exist for any other position, and of these no more at once than `ChunkedLogProbs.ts` allows.
 *
 * @param targets int [predictions]
 * @param most the most predictions of any run of the program.
 */
export const tokenLogProbs = (
  config: ModelConfig,
  weights: Weights,
  hidden: Tensor,
  targets: Tensor,
  most?: number
): Distributions =>
  distributions(
    finalNorm(config, weights, hidden),
    headWeight(config, weights),
    targets,
    most === undefined ? {} : { most }
  )
