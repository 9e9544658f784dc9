/** gemflow's sampling, with the log-probs and entropies that come with it. */
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import { Sessions } from "../../../runtime/onnx/Sessions.ts"
import { openPolicy } from "../../../runtime/policy/OpenPolicy.ts"
import type { SampleCheck, SampleJob } from "../Job.ts"
import { serve } from "./Serve.ts"

await serve(async (job: SampleJob) => {
  const runtime = ManagedRuntime.make(Sessions.layer)
  const scope = Scope.makeUnsafe()
  const policy = await runtime.runPromise(openPolicy(job.checkpoint, "cpu").pipe(Scope.provide(scope)))
  const prompts = job.prompts.map((tokens, index) => ({ id: `prompt ${index}`, tokens: Int32Array.from(tokens) }))
  const generate = (
    request: {
      readonly candidates: number
      readonly temperature: number
      readonly maxNewTokens: number
      readonly seed: number
    }
  ) => runtime.runPromise(policy.generate({ prompts, topP: 1, ...request }))
  const sample = async (seed: number) => {
    const generations = await generate({
      candidates: job.candidates,
      temperature: 1,
      maxNewTokens: job.newTokens,
      seed
    })
    return generations.reduce((sum, { tokens }) => sum + tokens.length, 0)
  }
  const greedy = await generate({ candidates: 1, temperature: 0, maxNewTokens: job.greedyTokens, seed: 0 })
  const check: SampleCheck = { greedy: greedy.map(({ tokens }) => [...tokens]) }
  await sample(0)
  let seed = 1
  return { check, repeat: () => sample(seed++) }
})
