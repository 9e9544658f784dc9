/** Tokens trained on per second: forward, backward, clip and AdamW of all weights. */
import * as Effect from "effect/Effect"
import { Sessions } from "../runtime/onnx/Sessions.ts"
import { weightedItem, weightedNll } from "../runtime/policy/loss/WeightedNll.ts"
import { openPolicy } from "../runtime/policy/OpenPolicy.ts"
import { demoPolicy, largerPolicy } from "./policies.ts"
import { spread } from "./Spread.ts"

const sequences = 32
const length = 64
const steps = 12

const measure = Effect.fnUntraced(function*(label: string, directory: string) {
  const policy = yield* openPolicy(directory, "cpu")
  const sequence = {
    prompt: Int32Array.from({ length: length / 2 }, (_, index) => 5 + index),
    response: Int32Array.from({ length: length / 2 + 1 }, (_, index) => 40 + index),
    weight: 1 / (sequences * (length / 2 + 1))
  }
  const ends: Array<number> = []
  yield* policy.train({
    objective: weightedNll,
    steps: Array.from({ length: steps }, () => Array.from({ length: sequences }, () => weightedItem(sequence))),
    learningRate: 1e-4,
    schedule: "constant",
    warmupSteps: 0,
    weightDecay: 0,
    clip: 1,
    betas: [0.9, 0.999],
    epsilon: 1e-8,
    onStep: () => Effect.sync(() => ends.push(performance.now()))
  })
  // The first steps warm up; a step's tokens are all that the model reads.
  const rates = ends.slice(3).map((end, index) => 1000 * sequences * length / (end - (ends[index + 2] ?? end)))
  console.log(`training    ${label.padEnd(18)} ${spread(rates)} tokens/s, steps of ${sequences * length} tokens`)
})

export const measureTraining = (): Promise<void> =>
  Effect.runPromise(
    Effect.gen(function*() {
      yield* Effect.scoped(measure("0.5 M parameters", demoPolicy))
      yield* Effect.scoped(measure("4.7 M parameters", yield* largerPolicy))
    }).pipe(Effect.provide(Sessions.layer))
  )
