/** One GEM round with gemflow, from checkpoint to checkpoint: open, sample, score, SEGA update, save. */
import * as Effect from "effect/Effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { groupAdvantages } from "../../../nodes/advantage/GroupAdvantage.ts"
import { answerSpan } from "../../../nodes/entropy/AnswerSpan.ts"
import { score } from "../../../nodes/entropy/Score.ts"
import { segaSteps } from "../../../nodes/update/SegaSteps.ts"
import { Sessions } from "../../../runtime/onnx/Sessions.ts"
import { weightedItem, weightedNll } from "../../../runtime/policy/loss/WeightedNll.ts"
import { openPolicy } from "../../../runtime/policy/OpenPolicy.ts"
import type { Policy } from "../../../runtime/policy/Policy.ts"
import type { RoundCheck, RoundJob } from "../Job.ts"
import { serve } from "./Serve.ts"

/** A candidate of prompt number `prompt`. */
interface Candidate {
  readonly prompt: number
  readonly tokens: Int32Array
  readonly entropies: Float32Array
}

const spanOptions = { marker: "####", span: "tail", tail: 0.25, fallback_tail: 0.2 } as const
const scoreOptions = { lambda: 1, final_weight: 1, top_m: 0.1, rounding: "ceil", over: "selected" } as const
// The released code divides by the group's standard deviation.
const advantageOptions = { mapping: "identity", softmax_temperature: 1, standardise: true, weight_scale: 1 } as const

const scoreOf = (policy: Policy, { entropies, tokens }: Candidate): number => {
  const { start } = answerSpan(policy.tokenizer.pieces(tokens), spanOptions)
  return score(entropies, start, scoreOptions).score
}

/** Scores candidates, grouped by prompt, and takes one SEGA step on all of them. */
const learn = Effect.fnUntraced(function*(
  policy: Policy,
  { optimiser, prompts }: RoundJob,
  groups: ReadonlyArray<ReadonlyArray<Candidate>>
) {
  const scores = groups.map((group) => group.map((candidate) => scoreOf(policy, candidate)))
  const weighted = groups.map((group, index) => {
    const advantages = groupAdvantages(scores[index] ?? [], advantageOptions)
    return group.map(({ prompt, tokens }, candidate) => ({
      prompt: Int32Array.from(prompts[prompt] ?? []),
      response: tokens,
      weight: advantages[candidate]?.weight ?? 0
    }))
  })
  const steps = segaSteps(weighted, { batch_prompts: groups.length, epochs: 1, seed: 0, normalise: "none" })
  const trained = yield* policy.train({
    objective: weightedNll,
    steps: steps.map((sequences) => sequences.map(weightedItem)),
    ...optimiser,
    schedule: "constant",
    warmupSteps: 0
  })
  return { scores, trained }
})

const check = Effect.fnUntraced(
  function*(job: RoundJob) {
    const policy = yield* openPolicy(job.checkpoint, "cpu")
    const given = job.given.flatMap((responses, prompt) =>
      responses.map((tokens) => ({ prompt, tokens: Int32Array.from(tokens) }))
    )
    const scored = yield* policy.score({
      sequences: given.map(({ prompt, tokens }) => ({
        prompt: Int32Array.from(job.prompts[prompt] ?? []),
        response: tokens
      }))
    })
    const candidates = given.map((candidate, index) => ({
      ...candidate,
      entropies: scored[index]?.entropies ?? new Float32Array(0)
    }))
    const groups = job.given.map((_, prompt) => candidates.filter((candidate) => candidate.prompt === prompt))
    const { scores, trained } = yield* learn(policy, job, groups)
    const step = trained.steps[0]
    const result: RoundCheck = { scores: scores.flat(), loss: step?.loss ?? 0, gradNorm: step?.gradNorm ?? 0 }
    return result
  },
  Effect.scoped,
  Effect.provide(Sessions.layer)
)

const round = Effect.fnUntraced(
  function*(job: RoundJob, seed: number, directory: string) {
    const policy = yield* openPolicy(job.checkpoint, "cpu")
    const generations = yield* policy.generate({
      prompts: job.prompts.map((tokens, index) => ({ id: String(index), tokens: Int32Array.from(tokens) })),
      candidates: job.candidates,
      temperature: 1,
      topP: 1,
      maxNewTokens: job.newTokens,
      seed
    })
    const groups = job.prompts.map((_, prompt) =>
      generations.filter(({ promptId }) => promptId === String(prompt)).map((generation) => ({ ...generation, prompt }))
    )
    const { trained } = yield* learn(policy, job, groups)
    yield* trained.save(join(directory, String(seed)))
    return generations.reduce((sum, { tokens }) => sum + tokens.length, 0)
  },
  Effect.scoped,
  Effect.provide(Sessions.layer)
)

await serve(async (job: RoundJob) => {
  let seed = 0
  const once = async () => {
    const directory = await mkdtemp(join(tmpdir(), "gemflow-bench-round-"))
    try {
      return await Effect.runPromise(round(job, seed++, directory))
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
  const checked = await Effect.runPromise(check(job))
  await once()
  return { check: checked, repeat: once }
})
