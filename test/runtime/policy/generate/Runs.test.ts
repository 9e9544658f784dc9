import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { availableParallelism } from "node:os"
import { cacheBytes, runSteps } from "../../../../runtime/policy/generate/Runs.ts"
import type { ModelConfig } from "../../../../runtime/policy/model/ModelConfig.ts"
import { parameterCount } from "../../../../runtime/policy/model/ModelTensors.ts"

const model = (hiddenSize: number, layers: number): ModelConfig => ({
  architecture: "LlamaForCausalLM",
  vocabularySize: 4096,
  hiddenSize,
  intermediateSize: 3 * hiddenSize,
  layers,
  heads: 8,
  keyValueHeads: 4,
  headSize: hiddenSize / 8,
  contextLength: 8192,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  tiedEmbeddings: true,
  initializerRange: 0.02
})

const Count = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Generating = Schema.Struct({
  prompts: Count(1, 128),
  candidates: Count(1, 16),
  promptLength: Count(1, 2000),
  maxNewTokens: Count(1, 4000)
})

describe("runSteps", () => {
  it.prop(
    "runs make every step once, are cut where a chunk of 16 ends, and their copies cost at most 2 % of computing them",
    [Generating, Schema.Literals([64, 256, 1024, 4096]), Count(1, 40)],
    ([generating, hiddenSize, layers]) => {
      const config = model(hiddenSize, layers)
      const { candidates, maxNewTokens, promptLength } = generating
      const runs = runSteps(config, generating, undefined)
      expect(runs.reduce((a, b) => a + b, 0)).toBe(maxNewTokens)
      for (const steps of runs.slice(0, -1)) expect(steps % 16).toBe(0)
      expect(Math.min(...runs)).toBeGreaterThan(0)
      if (runs.length === 1) return
      // Tokens copied per candidate: those made before each cut, and the prompt's once for all candidates.
      let copied = promptLength / candidates
      let made = 0
      for (const steps of runs.slice(0, -1)) copied += made += steps
      const computing = 2 * parameterCount(config) / (7.5e10 * availableParallelism())
        + cacheBytes(config) * (promptLength + maxNewTokens / 2) * 1e-10
      expect(copied * cacheBytes(config) * 1e-9).toBeLessThan(0.02 * maxNewTokens * computing * 1.01)
    }
  )

  it("large models and long responses are cut, short work is not", () => {
    const runs = (config: ModelConfig, maxNewTokens: number) =>
      runSteps(config, { prompts: 32, candidates: 4, promptLength: 30, maxNewTokens }, undefined).length
    expect(runs(model(64, 2), 128)).toBe(1)
    expect(runs(model(256, 5), 128)).toBe(1)
    expect(runs(model(256, 5), 4000)).toBeGreaterThan(3)
    expect(runs(model(4096, 32), 256)).toBeGreaterThan(3)
  })

  it("a length that is given is kept to", () => {
    const generating = { prompts: 1, candidates: 1, promptLength: 5, maxNewTokens: 70 }
    expect(runSteps(model(64, 2), generating, 32)).toEqual([32, 32, 6])
    expect(runSteps(model(64, 2), generating, 20)).toEqual([32, 32, 6])
    expect(runSteps(model(64, 2), generating, Infinity)).toEqual([70])
  })
})
