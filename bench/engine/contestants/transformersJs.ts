/** transformers.js: every candidate is a row of one batch. It reads an ONNX export of the checkpoint. */
import { basename, dirname } from "node:path"
import type { SampleCheck, SampleJob } from "../Job.ts"
import { serve } from "./Serve.ts"

interface Ids {
  readonly dims: ReadonlyArray<number>
  readonly data: BigInt64Array
}

interface TransformersJs {
  readonly env: { allowRemoteModels: boolean; localModelPath: string }
  readonly Tensor: new(type: "int64", data: BigInt64Array, dims: ReadonlyArray<number>) => Ids
  readonly AutoModelForCausalLM: {
    readonly from_pretrained: (
      name: string,
      options: object
    ) => Promise<{ generate: (request: object) => Promise<Ids> }>
  }
}

await serve(async (job: SampleJob & { readonly module: string; readonly onnx: string }) => {
  const { AutoModelForCausalLM, Tensor, env }: TransformersJs = await import(job.module)
  env.allowRemoteModels = false
  env.localModelPath = dirname(job.onnx)
  const model = await AutoModelForCausalLM.from_pretrained(basename(job.onnx), {
    dtype: "fp32",
    device: "cpu",
    subfolder: "",
    session_options: { intraOpNumThreads: job.threads }
  })
  const length = job.prompts[0]?.length ?? 0
  const generate = async (prompts: ReadonlyArray<ReadonlyArray<number>>, options: object) => {
    const dims = [prompts.length, length]
    const { data, dims: [rows = 0, columns = 0] } = await model.generate({
      inputs: new Tensor("int64", BigInt64Array.from(prompts.flat(), BigInt), dims),
      attention_mask: new Tensor("int64", new BigInt64Array(prompts.length * length).fill(1n), dims),
      ...options
    })
    return Array.from(
      { length: rows },
      (_, row) => Array.from(data.subarray(row * columns + length, (row + 1) * columns), Number)
    )
  }
  const rows = job.prompts.flatMap((prompt) => Array.from({ length: job.candidates }, () => prompt))
  const sample = async () => {
    const tokens = await generate(rows, { max_new_tokens: job.newTokens, do_sample: true, temperature: 1, top_k: 0 })
    return tokens.flat().length
  }
  const check: SampleCheck = {
    greedy: await generate(job.prompts, { max_new_tokens: job.greedyTokens, do_sample: false })
  }
  await sample()
  return { check, repeat: sample }
})
