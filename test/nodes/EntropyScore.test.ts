import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { EntropyScores } from "gemflow/artifacts"
import { EntropyScore } from "gemflow/nodes"
import { runPure } from "./runNode.ts"
import { candidatesTable, messageOf } from "./tables.ts"

const scored = (candidates: Parameters<typeof candidatesTable>[0], config: object = {}) =>
  Effect.gen(function*() {
    const table = yield* candidatesTable(candidates)
    const scores = yield* runPure(EntropyScore, EntropyScores, config, { candidates: table })
    return scores.rows()
  })

describe("entropy-score", () => {
  it.effect("scores the answer from the marker on, and the branching before it", () =>
    Effect.gen(function*() {
      const [row] = yield* scored([{ entropies: [1, 3, 0.5, 0.25], pieces: ["a", "b ", "A:", " 4"] }])
      expect(row).toMatchObject({
        candidate_id: "q:0",
        answer_start: 2,
        has_marker: true,
        final_entropy: 0.375,
        branching_entropy: 3,
        score: 2.625,
        branch_tokens: 1,
        response_tokens: 4
      })
    }))

  it.effect("takes the last fifth of a response without marker, and says so", () =>
    Effect.gen(function*() {
      const [row] = yield* scored([{ entropies: [1, 3, 2, 1, 0.5] }])
      expect(row).toMatchObject({ answer_start: 4, has_marker: false, final_entropy: 0.5, branching_entropy: 3 })
    }))

  it.effect("has nothing to branch on when the marker comes first", () =>
    Effect.gen(function*() {
      const [row] = yield* scored([{ entropies: [1, 2], pieces: ["A:", "4"] }])
      expect(row).toMatchObject({ answer_start: 0, branching_entropy: 0, branch_tokens: 0, score: -1.5 })
    }))

  it.effect("reads every option", () =>
    Effect.gen(function*() {
      const candidates = [{ entropies: [4, 2, 1, 1], pieces: ["a", "b", "=", "4"] }]
      const [row] = yield* scored(candidates, { lambda: 0.5, final_weight: 2, top_m: 2, over: "all", marker: "=" })
      expect(row).toMatchObject({ branching_entropy: 3, final_entropy: 1, score: -0.5 })
      const [tail] = yield* scored(candidates, { span: "tail", tail: 3, marker: "=" })
      expect(tail).toMatchObject({ answer_start: 1 })
      const [fallback] = yield* scored(candidates, { fallback_tail: 2 })
      expect(fallback).toMatchObject({ answer_start: 2, has_marker: false })
      const wide = [{ entropies: Array.from({ length: 21 }, (_, index) => index), pieces: undefined }]
      const counts = yield* Effect.forEach(["ceil", "floor"], (rounding) =>
        scored(wide.map(({ entropies }) => ({ entropies })), { rounding, fallback_tail: 6 }))
      expect(counts.map(([counted]) =>
        counted?.branch_tokens
      )).toEqual([2, 1])
    }))

  it.effect.each([
    { entropies: [], expected: "Candidate q:0, column token_entropy: the response has no tokens" },
    { entropies: [1, Number.NaN], expected: "Candidate q:0, column token_entropy: the entropy of token 1 is NaN" },
    { entropies: [-1], expected: "the entropy of token 0 is -1" },
    { entropies: [1, 2], pieces: ["x"], expected: "column token_text: 1 pieces for 2 entropies" }
  ])("refuses $entropies with the candidate's id", ({ expected, ...candidate }) =>
    Effect.gen(function*() {
      expect(yield* messageOf(scored([candidate]))).toContain(expected)
    }))
})
