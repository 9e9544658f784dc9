import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Candidates, PreferenceSequences } from "gemflow/artifacts"
import { PairsFromRanking } from "gemflow/nodes"
import { Table } from "../../artifacts/Table.ts"
import { bestAgainstWorst } from "../../nodes/ranking/BestAgainstWorst.ts"
import { runPure } from "./runNode.ts"
import { messageOf, rankingTable } from "./tables.ts"

const candidates = (tokens: Readonly<Record<string, ReadonlyArray<ReadonlyArray<number>>>>) =>
  Table.fromRows(
    Candidates,
    Object.entries(tokens).flatMap(([prompt_id, responses]) =>
      responses.map((response, candidate) => ({
        candidate_id: `${prompt_id}:${candidate}`,
        prompt_id,
        candidate,
        prompt: [],
        prompt_tokens: Int32Array.of(7),
        prompt_truncated: false,
        tokens: Int32Array.from(response),
        token_text: [],
        text: "",
        token_log_prob: Float32Array.from(response, (token) => -token / 4),
        token_entropy: new Float32Array(response.length),
        finished: true
      }))
    )
  )

const paired = (config: object, tokens: Parameters<typeof candidates>[0], scores: Parameters<typeof rankingTable>[0]) =>
  Effect.gen(function*() {
    const tables = { candidates: yield* candidates(tokens), ranking: yield* rankingTable(scores) }
    return (yield* runPure(PairsFromRanking, PreferenceSequences, config, tables)).rows()
  })

describe("pairs-from-ranking", () => {
  const four = { a: [[1, 2], [3], [4], [5]], b: [[6], [7]] }
  const scores = { a: [0.1, 0.9, 0.5, 0.3], b: [0, 1] }

  it.effect("pairs the best with the worst, with the sampler's own log-probs as reference", () =>
    Effect.gen(function*() {
      const rows = yield* paired({}, four, scores)
      expect(rows.map(({ pair_id }) => pair_id)).toEqual(["a:1>a:0", "b:1>b:0"])
      expect(rows[0]).toMatchObject({
        prompt_id: "a",
        prompt_tokens: Int32Array.of(7),
        chosen_tokens: Int32Array.of(3),
        rejected_tokens: Int32Array.of(1, 2),
        chosen_reference_log_prob: -0.75,
        rejected_reference_log_prob: -0.75,
        truncated: false
      })
    }))

  it.effect("pairs the next ones too when asked, up to the middle", () =>
    Effect.gen(function*() {
      const rows = yield* paired({ pairs: 5 }, four, scores)
      expect(rows.map(({ pair_id }) => pair_id)).toEqual(["a:1>a:0", "a:2>a:3", "b:1>b:0"])
    }))

  it.effect("makes no pair of equal responses, and names a candidate that is not there", () =>
    Effect.gen(function*() {
      expect(yield* paired({}, { b: [[6], [6]] }, { b: [0, 1] })).toEqual([])
      expect(yield* messageOf(paired({}, { b: [[6]] }, { b: [0, 1] }))).toContain(
        "Candidate b:1 is in ranking and not in candidates"
      )
    }))

  it("has nothing to pair in a group of one", () => {
    expect(bestAgainstWorst([1], (rank) => rank, 3)).toEqual([])
    expect(bestAgainstWorst([3, 1, 2], (rank) => rank, 3)).toEqual([[1, 3]])
  })
})
