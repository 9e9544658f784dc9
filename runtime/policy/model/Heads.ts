/** Heads beside the language-model head, by the names that others know them by. */

/** [1, hiddenSize]: a score of a whole text at its last token, as in transformers' ForSequenceClassification. */
export const SCORE_HEAD = "score.weight"

/** [1, hiddenSize] and [1]: a value at each token, as in TRL's AutoModelForCausalLMWithValueHead. */
export const VALUE_HEAD = { weight: "v_head.summary.weight", bias: "v_head.summary.bias" } as const
