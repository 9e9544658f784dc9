import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { GenerateRequest, Generation, Prompt } from "../../../../runtime/policy/Policy.ts"
import { checkpointPath, largestDifference } from "../reference.ts"

const Between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Drawn = Schema.Struct({
  seed: Between(0, 1_000_000),
  promptLengths: Schema.Array(Between(1, 30)).check(Schema.isMinLength(2), Schema.isMaxLength(7)),
  temperature: Schema.Literals([0, 0.5, 1, 1.7]),
  topP: Schema.Literals([0.3, 0.9, 1]),
  topK: Schema.Literals([1, 5, 60, 280])
})

const requestOf = ({ promptLengths, ...drawn }: typeof Drawn.Type): GenerateRequest => ({
  prompts: promptLengths.map((length, index): Prompt => ({
    id: `prompt ${index}`,
    tokens: Int32Array.from({ length }, (_, position) => 3 + (71 * drawn.seed + 29 * index + 13 * position) % 270)
  })),
  candidates: 5,
  temperature: drawn.temperature,
  topP: drawn.topP,
  // 280 are all.
  topK: drawn.topK,
  maxNewTokens: 24,
  seed: drawn.seed
})

/**
 * The same tokens, exactly; log-probs and entropies up to the last bits in which matrix kernels differ with the number of
 * rows. A token could only differ where a uniform falls between two sums that differ in their last bits, about once in a
 * million tokens; cases here are fixed by the property's seed.
 */
const expectSame = (some: ReadonlyArray<Generation>, all: ReadonlyArray<Generation>) => {
  const known = new Map(all.map((generation) => [`${generation.promptId}:${generation.candidate}`, generation]))
  for (const { candidate, entropies, finished, logProbs, promptId, tokens } of some) {
    const other = known.get(`${promptId}:${candidate}`)
    expect([tokens, finished]).toEqual([other?.tokens, other?.finished])
    expect(largestDifference(logProbs, other?.logProbs ?? [])).toBeLessThan(1e-5)
    expect(largestDifference(entropies, other?.entropies ?? [])).toBeLessThan(1e-5)
  }
}

layer(Sessions.layer)("a candidate depends on seed, prompt id and index only", (it) => {
  for (const name of ["untied-gqa", "mistral"]) {
    it.effect.prop(
      `batches of 1 and of 64, and 1 and 5 candidates, give the same: ${name}`,
      [Drawn],
      ([drawn]) =>
        Effect.gen(function*() {
          const request = requestOf(drawn)
          const { prompts } = request
          const open = (rows: number) => openPolicy(checkpointPath(name), "cpu", { rows })
          const all = yield* (yield* open(64)).generate(request)
          expect(all.map(({ candidate, promptId }) => `${promptId}:${candidate}`)).toEqual(
            prompts.flatMap(({ id }) => [0, 1, 2, 3, 4].map((candidate) => `${id}:${candidate}`))
          )
          const one = yield* open(1)
          expectSame(yield* one.generate({ ...request, prompts: prompts.slice(-1) }), all)
          expectSame(yield* one.generate({ ...request, candidates: 1 }), all)
          expectSame(
            yield* (yield* open(64)).generate({ ...request, prompts: prompts.toReversed(), candidates: 1 }),
            all
          )
        }),
      { arbitrary: { runs: 4, seed: 5 } }
    )
  }

  it.effect("and on each of them", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath("untied-gqa"), "cpu")
      const request = requestOf({ seed: 3, promptLengths: [6], temperature: 1, topP: 1, topK: 280 })
      const of = (generations: ReadonlyArray<Generation>) => generations.map(({ tokens }) => tokens.join())
      const tokens = of(yield* policy.generate(request))
      expect(new Set(tokens).size).toBe(5)
      const seeded = of(yield* policy.generate({ ...request, seed: 4 }))
      const renamed = of(
        yield* policy.generate({ ...request, prompts: request.prompts.map((prompt) => ({ ...prompt, id: "another" })) })
      )
      expect(new Set([...tokens, ...seeded, ...renamed]).size).toBe(15)
    }))
})
