/** llama.cpp through node-llama-cpp: one context, its sequences evaluated in parallel. It reads a float32 GGUF file. */
import type { SampleCheck, SampleJob } from "../Job.ts"
import { serve } from "./Serve.ts"

interface Sequence {
  readonly evaluate: (tokens: ReadonlyArray<number>, options: object) => AsyncIterable<number>
  readonly clearHistory: () => Promise<void>
}

interface NodeLlamaCpp {
  readonly getLlama: (options: object) => Promise<{
    readonly loadModel: (options: object) => Promise<{
      readonly createContext: (options: object) => Promise<{ readonly getSequence: () => Sequence }>
    }>
  }>
}

interface LlamaCppJob extends SampleJob {
  readonly module: string
  readonly gguf: string
  /** Sequences of the context: candidates evaluated at a time. */
  readonly parallel: number
  readonly cache: "F16" | "F32"
  readonly flashAttention: boolean
}

await serve(async (job: LlamaCppJob) => {
  const { getLlama }: NodeLlamaCpp = await import(job.module)
  const llama = await getLlama({ gpu: false, build: "never", maxThreads: job.threads, logLevel: "error" })
  const model = await llama.loadModel({ modelPath: job.gguf, gpuLayers: 0 })
  const length = job.prompts[0]?.length ?? 0
  const context = await model.createContext({
    sequences: job.parallel,
    contextSize: length + Math.max(job.newTokens, job.greedyTokens) + 1,
    batchSize: Math.max(512, job.parallel),
    threads: { ideal: job.threads, min: job.threads },
    flashAttention: job.flashAttention,
    experimentalKvCacheKeyType: job.cache,
    experimentalKvCacheValueType: job.cache
  })
  const sequences = Array.from({ length: job.parallel }, () => context.getSequence())

  const respond = async (sequence: Sequence, prompt: ReadonlyArray<number>, count: number, options: object) => {
    await sequence.clearHistory()
    const tokens: Array<number> = []
    for await (
      const token of sequence.evaluate(prompt, { yieldEogToken: true, topP: 1, minP: 0, topK: 0, ...options })
    ) {
      tokens.push(token)
      if (tokens.length === count) break
    }
    return tokens
  }
  /** Each sequence takes the next prompt as soon as it is done with one. */
  const respondAll = async (prompts: ReadonlyArray<ReadonlyArray<number>>, count: number, temperature: number) => {
    const responses: Array<ReadonlyArray<number>> = []
    let next = 0
    await Promise.all(sequences.map(async (sequence) => {
      for (let index = next++; index < prompts.length; index = next++) {
        responses[index] = await respond(sequence, prompts[index] ?? [], count, { temperature, seed: index + 1 })
      }
    }))
    return responses
  }
  const rows = job.prompts.flatMap((prompt) => Array.from({ length: job.candidates }, () => prompt))
  const sample = async () => (await respondAll(rows, job.newTokens, 1)).flat().length
  const check: SampleCheck = { greedy: await respondAll(job.prompts, job.greedyTokens, 0) }
  await sample()
  return { check, repeat: sample }
})
