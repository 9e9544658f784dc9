import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { createCheckpoint } from "../../../../runtime/policy/checkpoint/CreateCheckpoint.ts"
import type { ModelConfig } from "../../../../runtime/policy/model/ModelConfig.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { Prompt } from "../../../../runtime/policy/Policy.ts"
import { checkpointPath, largestDifference } from "../reference.ts"

const llama: ModelConfig = {
  architecture: "LlamaForCausalLM",
  vocabularySize: 280,
  hiddenSize: 32,
  intermediateSize: 48,
  layers: 3,
  heads: 4,
  keyValueHeads: 2,
  headSize: 8,
  contextLength: 128,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  tiedEmbeddings: false,
  // Large, so that what is attended to shows in the log-probs.
  initializerRange: 0.4
}

// A window of 20 reaches over the borders of the cache's chunks of 16, and falls behind prompts and responses alike.
const families: ReadonlyArray<readonly [string, ModelConfig]> = [
  ["Llama", llama],
  ["Llama 3.1", {
    ...llama,
    ropeScaling: { type: "llama3", factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 64 }
  }],
  ["Qwen 2.5", { ...llama, architecture: "Qwen2ForCausalLM", biases: ["q_proj", "k_proj", "v_proj"] }],
  ["Qwen 2.5, window in the last layers", {
    ...llama,
    architecture: "Qwen2ForCausalLM",
    biases: ["q_proj", "k_proj", "v_proj"],
    window: { size: 20, layers: [1, 2] }
  }],
  ["Qwen 3", { ...llama, architecture: "Qwen3ForCausalLM", queryKeyNorm: true }],
  ["Mistral", { ...llama, architecture: "MistralForCausalLM", window: { size: 20, layers: [0, 1, 2] } }],
  ["Mistral, window of one token", {
    ...llama,
    architecture: "MistralForCausalLM",
    window: { size: 1, layers: [0, 1, 2] }
  }]
]

const prompts: ReadonlyArray<Prompt> = [1, 7, 33].map((length, index) => ({
  id: `prompt ${index}`,
  tokens: Int32Array.from({ length }, (_, position) => 5 + (37 * index + 11 * position) % 250)
}))

layer(Sessions.layer)("generation of every family", (it) => {
  for (const [name, config] of families) {
    it.effect(`${name}: log-probs and entropies at sampling are those of scoring, in one run and in several`, () =>
      Effect.gen(function*() {
        const directory = mkdtempSync(join(tmpdir(), "gemflow-family-"))
        yield* createCheckpoint({ directory, config, tokenizer: checkpointPath("untied-gqa"), seed: 3 })
        const policy = yield* openPolicy(directory, "cpu")
        expect(policy.config).toEqual(config)
        const request = { prompts, candidates: 2, temperature: 1, topP: 1, maxNewTokens: 75, seed: 4 }
        const generations = yield* policy.generate(request)
        expect(Math.max(...generations.map(({ tokens }) => tokens.length))).toBeGreaterThan(64)
        const scores = yield* policy.score({
          sequences: generations.map(({ promptId, tokens }) => ({
            prompt: prompts.find(({ id }) => id === promptId)?.tokens ?? new Int32Array(0),
            response: tokens
          }))
        })
        generations.forEach(({ entropies, logProbs }, index) => {
          expect(largestDifference(logProbs, scores[index]?.logProbs ?? [])).toBeLessThan(1e-4)
          expect(largestDifference(entropies, scores[index]?.entropies ?? [])).toBeLessThan(1e-4)
        })
        // Caches that go from run to run: the same bits.
        const cut = yield* openPolicy(directory, "cpu", { runTokens: 16 })
        expect(yield* cut.generate(request)).toEqual(generations)
      }))
  }
})
