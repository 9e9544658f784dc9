/** The policies that are measured: the shipped one, and one of 4.7 M weights drawn at random. */
import * as Effect from "effect/Effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { createCheckpoint } from "../runtime/policy/checkpoint/CreateCheckpoint.ts"
import type { ModelConfig } from "../runtime/policy/model/ModelConfig.ts"

export const demoPolicy = fileURLToPath(new URL("../pipelines/demo/policy", import.meta.url))

const larger: ModelConfig = {
  architecture: "LlamaForCausalLM",
  vocabularySize: 4096,
  hiddenSize: 256,
  intermediateSize: 688,
  layers: 5,
  heads: 8,
  keyValueHeads: 4,
  headSize: 32,
  contextLength: 512,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedEmbeddings: true,
  initializerRange: 0.02
}

/** Writes the larger policy to a temporary folder. */
export const largerPolicy = Effect.suspend(() => {
  const directory = mkdtempSync(join(tmpdir(), "gemflow-bench-policy-"))
  return createCheckpoint({ directory, config: larger, tokenizer: demoPolicy, seed: 0 }).pipe(Effect.as(directory))
})
