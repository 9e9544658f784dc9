/** Samples responses: cuts a request in batches, generates each, and puts the results in request order. */
import * as Effect from "effect/Effect"
import { generationBatches } from "../Batches.ts"
import { checkGenerate } from "../CheckRequest.ts"
import type { Engine } from "../Engine.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import type { GenerateRequest, Generation } from "../Policy.ts"
import { generateProgram } from "./GenerateProgram.ts"
import { runBatch } from "./RunBatch.ts"
import { runSteps } from "./Runs.ts"
import type { Sampling } from "./SampleToken.ts"

export const generate = (engine: Engine) =>
  Effect.fn("Policy.generate")(function*(request: GenerateRequest) {
    const { config } = engine.checkpoint
    const problem = checkGenerate(config, request)
    if (problem !== undefined) return yield* problem
    const sampling = samplingOf(config, request)
    const session = yield* engine.program(
      `generate ${JSON.stringify(sampling)}`,
      () => generateProgram(config, engine.checkpoint.source, engine.eosIds, sampling)
    )
    const total = request.prompts.length * request.candidates
    const generations: Array<Generation> = []
    const lengths = request.prompts.map(({ tokens }) => tokens.length)
    let done = 0
    const report = (more: number) => request.onProgress?.(Math.floor(done + more), total) ?? Effect.void
    for (const batch of generationBatches(config, lengths, request, engine.limits)) {
      const { candidates, firstCandidate, prompts } = batch
      const count = prompts.length * candidates
      const runs = runSteps(config, {
        prompts: prompts.length,
        candidates,
        promptLength: prompts.reduce((most, prompt) => Math.max(most, lengths[prompt] ?? 0), 1),
        maxNewTokens: request.maxNewTokens
      }, engine.limits.runTokens)
      const made = yield* runBatch(session, {
        request,
        batch,
        eosIds: engine.eosIds,
        padId: engine.padId,
        runs,
        onRun: (share) => report(share * count)
      })
      prompts.forEach((prompt, row) => {
        for (let column = 0; column < candidates; column++) {
          const generation = made[row * candidates + column]
          if (generation !== undefined) generations[prompt * request.candidates + firstCandidate + column] = generation
        }
      })
      done += count
      yield* report(0)
    }
    return generations
  })

const samplingOf = (config: ModelConfig, { temperature, topK, topP }: GenerateRequest): Sampling => {
  if (temperature === 0) return { kind: "greedy" }
  const tempered = temperature !== 1
  if (topK !== undefined && topK < config.vocabularySize) return { kind: "likeliest", topK, tempered }
  return { kind: topP === 1 ? "all" : "nucleus", tempered }
}
