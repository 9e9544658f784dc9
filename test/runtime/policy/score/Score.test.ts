import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import { checkpointPath, largestDifference, names, reference, sequences } from "../reference.ts"

layer(Sessions.layer)("score", (it) => {
  describe.each(names)("%s", (name) => {
    it.effect("log-probs and entropies of responses are the reference's, in request order, in any batching", () =>
      Effect.gen(function*() {
        const expected = reference(name).scored
        for (const [tokens, batches] of [[4096, 1], [26, 3], [1, 5]] as const) {
          const policy = yield* openPolicy(checkpointPath(name), "cpu", { tokens })
          expect(policy.parameters).toBe(reference(name).parameters)
          const progress: Array<readonly [number, number]> = []
          const scores = yield* policy.score({
            sequences: sequences(reference(name)),
            onProgress: (done, total) => Effect.sync(() => progress.push([done, total]))
          })
          scores.forEach(({ entropies, logProbs }, index) => {
            expect(largestDifference(logProbs, expected[index]?.logProbs ?? [])).toBeLessThan(1e-4)
            expect(largestDifference(entropies, expected[index]?.entropies ?? [])).toBeLessThan(1e-4)
          })
          expect(scores.length).toBe(expected.length)
          expect(progress.length).toBe(batches)
          expect(progress.at(-1)).toEqual([5, 5])
        }
      }))
  })

  it.effect("nothing to score is nothing, and a stray token is refused", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath("untied-gqa"), "cpu")
      expect(yield* policy.score({ sequences: [] })).toEqual([])
      const error = yield* Effect.flip(policy.score({
        sequences: [{ prompt: Int32Array.of(0), response: Int32Array.of(5, 280) }]
      }))
      expect(error.message).toContain("sequences[0].response holds the token 280, beyond the vocabulary of 280")
    }))
})
