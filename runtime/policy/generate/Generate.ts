/**
 * Samples responses: cuts a request in batches, generates each on a free worker, and puts the results in request order.
 * Neither batches nor results depend on how many workers there are.
 */
import * as Effect from "effect/Effect"
import { type GenerationBatch, generationBatches } from "../Batches.ts"
import { checkGenerate } from "../CheckRequest.ts"
import type { Engine } from "../Engine.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { spread } from "../parallel/Spread.ts"
import { tally } from "../parallel/Tally.ts"
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
    const sampling = samplingOf(config, request, engine.gpu)
    const build = () => generateProgram(config, engine.checkpoint.source, engine.eosIds, sampling)
    const lengths = request.prompts.map(({ tokens }) => tokens.length)
    const batches = generationBatches(config, lengths, request, engine.limits)
    const progress = tally(request.prompts.length * request.candidates, request.onProgress)
    const made = yield* spread(
      engine.workers,
      batches,
      Effect.fnUntraced(function*(worker, batch, index) {
        const session = yield* worker.program(`generate ${JSON.stringify(sampling)}`, build)
        const { candidates, prompts } = batch
        const count = prompts.length * candidates
        const runs = runSteps(config, {
          prompts: prompts.length,
          candidates,
          promptLength: prompts.reduce((most, prompt) => Math.max(most, lengths[prompt] ?? 0), 1),
          maxNewTokens: request.maxNewTokens
        }, engine.limits.runTokens)
        const generations = yield* runBatch(session, {
          request,
          batch,
          eosIds: engine.eosIds,
          padId: engine.padId,
          runs,
          onRun: (share) => progress.report(index, share * count)
        })
        yield* progress.report(index, count)
        return generations
      })
    )
    return inRequestOrder(request, batches, made)
  })

const inRequestOrder = (
  request: GenerateRequest,
  batches: ReadonlyArray<GenerationBatch>,
  made: ReadonlyArray<ReadonlyArray<Generation>>
): ReadonlyArray<Generation> => {
  const generations: Array<Generation> = []
  batches.forEach(({ candidates, firstCandidate, prompts }, batch) => {
    made[batch]?.forEach((generation, row) => {
      const prompt = prompts[Math.floor(row / candidates)] ?? 0
      generations[prompt * request.candidates + firstCandidate + row % candidates] = generation
    })
  })
  return generations
}

const samplingOf = (config: ModelConfig, { temperature, topK, topP }: GenerateRequest, gpu: boolean): Sampling => {
  if (temperature === 0) return { kind: "greedy" }
  const tempered = temperature !== 1
  if (topK !== undefined && topK < config.vocabularySize) return { kind: "likeliest", topK, tempered }
  return topP === 1 ? { kind: "all", tempered } : { kind: "nucleus", tempered, whole: gpu }
}
