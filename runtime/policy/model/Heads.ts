/** Heads other than the language-model head, by the names that others know them by. */
import type { ModelConfig } from "./ModelConfig.ts"

/** [1, hiddenSize]: a score of a whole text at its last token, as in transformers' ForSequenceClassification. */
export const SCORE_HEAD = "score.weight"

/** [1, hiddenSize] and [1]: a value at each token, as in TRL's AutoModelForCausalLMWithValueHead. */
export const VALUE_HEAD = { weight: "v_head.summary.weight", bias: "v_head.summary.bias" } as const

/** The class of a family with a score head: `LlamaForSequenceClassification`. */
export const scoringClass = (className: string): string =>
  className.replace(/ForCausalLM$/, "ForSequenceClassification")

/** The same model with a score head in place of its language-model head: a reward model. */
export const withScoreHead = (config: ModelConfig): ModelConfig => ({
  ...config,
  architecture: scoringClass(config.architecture),
  scoreHead: true
})
