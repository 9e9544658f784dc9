/** Samples responses: cuts a request in batches, runs each as one program, and puts the results in request order. */
import * as Effect from "effect/Effect"
import type { TensorData } from "../../onnx/TensorData.ts"
import { type GenerationBatch, generationBatches } from "../Batches.ts"
import { checkGenerate } from "../CheckRequest.ts"
import type { Engine } from "../Engine.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import type { GenerateRequest, Generation } from "../Policy.ts"
import { generateProgram } from "./GenerateProgram.ts"
import type { Sampling } from "./SampleToken.ts"
import { fillUniforms, noiseKey } from "./SamplingNoise.ts"

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
    const generations = new Map<number, Generation>()
    const lengths = request.prompts.map(({ tokens }) => tokens.length)
    for (const batch of generationBatches(config, lengths, request, engine.limits)) {
      const { entropies, logProbs, tokens } = yield* session.run({
        feeds: batchFeeds(request, batch, engine.padId),
        fetch: ["tokens", "logProbs", "entropies"],
        move: true
      })
      collect(request, batch, engine.eosIds, { entropies, logProbs, tokens }, generations)
      yield* request.onProgress?.(generations.size, total) ?? Effect.void
    }
    return Array.from({ length: total }, (_, index) => generations.get(index)).filter((found) => found !== undefined)
  })

const samplingOf = (config: ModelConfig, { temperature, topK, topP }: GenerateRequest): Sampling => {
  if (temperature === 0) return { kind: "greedy" }
  const within = Math.min(topK ?? config.vocabularySize, config.vocabularySize)
  return topP === 1 && within === config.vocabularySize ? { kind: "all" } : { kind: "likeliest", topK: within }
}

const batchFeeds = (
  request: GenerateRequest,
  batch: GenerationBatch,
  padId: number
): Readonly<Record<string, TensorData>> => {
  const prompts = batch.prompts.flatMap((index) => request.prompts[index] ?? [])
  const count = prompts.length
  // At least one slot, so that no tensor is empty; it is masked where a prompt has a single token.
  const length = prompts.reduce((most, { tokens }) => Math.max(most, tokens.length - 1), 1)
  const steps = request.maxNewTokens
  const promptTokens = new Int32Array(count * length).fill(padId)
  const uniforms = new Float32Array(steps * count * batch.candidates)
  prompts.forEach(({ id, tokens }, row) => {
    promptTokens.set(tokens.subarray(0, -1), row * length)
    for (let column = 0; column < batch.candidates; column++) {
      const key = noiseKey(request.seed, id, batch.firstCandidate + column)
      fillUniforms(key, steps, uniforms, row * batch.candidates + column, count * batch.candidates)
    }
  })
  const int32 = (dims: ReadonlyArray<number>, data: Int32Array): TensorData => ({ dtype: "int32", dims, data })
  const number = (value: number): TensorData => ({ dtype: "float32", dims: [], data: Float32Array.of(value) })
  return {
    promptTokens: int32([count, length], promptTokens),
    lastTokens: int32([count], Int32Array.from(prompts, ({ tokens }) => tokens.at(-1) ?? padId)),
    promptLengths: int32([count], Int32Array.from(prompts, ({ tokens }) => tokens.length)),
    uniforms: { dtype: "float32", dims: [steps, count, batch.candidates], data: uniforms },
    // The greedy program reads neither.
    temperature: number(request.temperature),
    topP: number(request.topP)
  }
}

/** Cuts each row of [steps, prompts, candidates] after its first end-of-sequence token. */
const collect = (
  request: GenerateRequest,
  batch: GenerationBatch,
  eosIds: ReadonlyArray<number>,
  outputs: Readonly<Record<"tokens" | "logProbs" | "entropies", TensorData>>,
  into: Map<number, Generation>
): void => {
  const steps = Math.min(outputs.tokens.dims[0] ?? 0, request.maxNewTokens)
  const rows = batch.prompts.length * batch.candidates
  batch.prompts.forEach((prompt, row) => {
    for (let column = 0; column < batch.candidates; column++) {
      const at = (data: ArrayLike<number | bigint>, step: number) =>
        Number(data[step * rows + row * batch.candidates + column])
      let length = 0
      let finished = false
      while (length < steps && !finished) finished = eosIds.includes(at(outputs.tokens.data, length++))
      const candidate = batch.firstCandidate + column
      into.set(prompt * request.candidates + candidate, {
        promptId: request.prompts[prompt]?.id ?? "",
        candidate,
        tokens: Int32Array.from({ length }, (_, step) => at(outputs.tokens.data, step)),
        logProbs: Float32Array.from({ length }, (_, step) => at(outputs.logProbs.data, step)),
        entropies: Float32Array.from({ length }, (_, step) => at(outputs.entropies.data, step)),
        finished
      })
    }
  })
}
