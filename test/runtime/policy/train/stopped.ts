/** Trainings that are interrupted, and continued from what they kept. */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest } from "../../../../runtime/policy/Policy.ts"
import { checkpoint, TOKENS, trainAnew } from "./trainingRequests.ts"

/** Trains with the state kept after every step, and is interrupted when step `last + 1` has been taken. */
export const stopAfter = Effect.fnUntraced(function*(request: TrainRequest, directory: string, last: number) {
  const policy = yield* openPolicy(checkpoint, "cpu", { tokens: TOKENS })
  const interrupted = yield* policy.train({
    ...request,
    resume: { directory, everySteps: 1 },
    onStep: ({ step }) => step > last ? Effect.interrupt : Effect.void
  }).pipe(Effect.exit)
  expect(Exit.isFailure(interrupted)).toBe(true)
}, Effect.scoped)

/** Continues from a folder, and says which step it took first. */
export const continueFrom = Effect.fnUntraced(
  function*(request: TrainRequest, directory: string, options: { readonly file?: string } = {}) {
    const seen: Array<number> = []
    const onStep: TrainRequest["onStep"] = ({ step }) => Effect.sync(() => seen.push(step))
    const trained = yield* trainAnew({ ...request, resume: { directory, everySteps: 1 }, onStep }, options)
    return { ...trained, first: seen[0] }
  }
)
