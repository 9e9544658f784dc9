/** gemflow's training steps, of all weights or of an adapter. Each repetition opens the policy anew and trains from there. */
import * as Effect from "effect/Effect"
import { Sessions } from "../../../runtime/onnx/Sessions.ts"
import { weightedItem, weightedNll } from "../../../runtime/policy/loss/WeightedNll.ts"
import { openPolicy } from "../../../runtime/policy/OpenPolicy.ts"
import type { TrainCheck, TrainJob } from "../Job.ts"
import { cpuSeconds, type Measured, serve } from "./Serve.ts"

/** When a step was reported: several steps may come out of one run, and are then reported together. */
interface Reported {
  readonly at: number
  readonly cpu: number
}

const together = 2

/** What lies between the first report after the warm-up and the last. */
const measured = (reports: ReadonlyArray<Reported>, warmup: number, tokens: number): Measured => {
  const begin = reports.findIndex((report, index) =>
    index >= warmup - 1 && (reports[index + 1]?.at ?? Number.POSITIVE_INFINITY) - report.at > together
  )
  const [from, to] = [reports[begin], reports.at(-1)]
  if (from === undefined || to === undefined || from === to) {
    throw new Error("all steps were reported at once: ask for more of them")
  }
  return {
    amount: tokens * (reports.length - 1 - begin),
    seconds: (to.at - from.at) / 1000,
    cpuSeconds: to.cpu - from.cpu
  }
}

const run = Effect.fnUntraced(
  function*({ adapter, batches, checkpoint, optimiser }: TrainJob, steps: number) {
    const policy = yield* openPolicy(checkpoint, "cpu", adapter === undefined ? {} : { adapter })
    const reports: Array<Reported> = []
    const trained = yield* policy.train({
      objective: weightedNll,
      steps: Array.from({ length: steps }, (_, step) => {
        const batch = batches[step % batches.length] ?? []
        const predictions = batch.reduce((sum, sequence) => sum + sequence.length - 1, 0)
        return batch.map((sequence) =>
          weightedItem({
            prompt: Int32Array.from(sequence.slice(0, 1)),
            response: Int32Array.from(sequence.slice(1)),
            weight: 1 / predictions
          })
        )
      }),
      ...optimiser,
      schedule: "constant",
      warmupSteps: 0,
      onStep: () => Effect.sync(() => reports.push({ at: performance.now(), cpu: cpuSeconds() }))
    })
    return { reports, losses: trained.steps.map(({ loss }) => loss) }
  },
  Effect.scoped,
  Effect.provide(Sessions.layer)
)

await serve(async (job: TrainJob) => {
  const tokens = (job.batches[0] ?? []).reduce((sum, sequence) => sum + sequence.length - 1, 0)
  const { losses } = await Effect.runPromise(run(job, job.warmup))
  const check: TrainCheck = { losses }
  return {
    check,
    repeat: async () => {
      const { reports } = await Effect.runPromise(run(job, job.warmup + job.steps))
      return measured(reports, job.warmup, tokens)
    }
  }
})
