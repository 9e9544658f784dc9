/** Makes a checkpoint with random weights: where pretraining from nothing begins. */
import * as Effect from "effect/Effect"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { openTokenizer } from "../tokenizer/PolicyTokenizer.ts"
import { encodeConfig } from "./ConfigJson.ts"
import { randomWeight } from "./RandomWeights.ts"
import { writeCheckpoint } from "./SaveCheckpoint.ts"

/**
 * Writes a HuggingFace directory with weights drawn from a seed.
 *
 * @param tokenizer directory of the tokenizer files: tokenizer.json, tokenizer_config.json with its chat template, and
 * generation_config.json where there are several end-of-sequence ids.
 */
export const createCheckpoint = Effect.fn("Checkpoint.create")(function*(options: {
  readonly directory: string
  readonly config: ModelConfig
  readonly tokenizer: string
  readonly seed: number
}) {
  const { config, directory, seed, tokenizer } = options
  const tokens = yield* openTokenizer(tokenizer, config.vocabularySize)
  const configText = `${JSON.stringify(encodeConfig(config, tokens), null, 2)}\n`
  const read = (name: string) => Effect.sync(() => randomWeight(config, seed, name))
  yield* writeCheckpoint({ directory, config, read, companions: tokenizer, configText })
})
